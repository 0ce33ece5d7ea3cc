
# --- From this script to the program ---

skein_start() {
  skein_program=$skein_copy/program
  { printf '' >"$skein_copy/used"; } 2>/dev/null
  [ -z "$skein_holds_lock" ] || exec 9>&-
  skein_seal_environment
  skein_first=${1-}
  skein_second=${2-}
  if [ "$skein_first" = help ]; then
    skein_first=${2-}
    skein_second=${3-}
  fi
  skein_choose_flags
  # The runtime takes a comma for the end of a path: launch_words.ts knows what to say in its place.
  case $skein_folder in
    *,*) skein_flags= ;;
  esac
  if [ -n "$skein_flags" ]; then
    set -- $skein_flags "--allow-read=$skein_program" "$skein_program/src/main.ts" "$@"
  else
    skein_words=$(skein_run @READING_FLAGS@ "$skein_program/src/cli/launch_words.ts" "$skein_program" "$@" </dev/null) ||
      skein_fail "cannot tell which rights this command line needs"
    eval "set -- $skein_words \"\$skein_program/src/main.ts\" \"\$@\""
  fi
  skein_run "$@"
}

# Leaves in skein_flags what the command may do; nothing where that depends on the paths that its line names.
skein_choose_flags() {
  skein_flags=
  @CHOICE@
}

# Nothing is looked for on the network, in the user's settings or in the folders above.
skein_run() {
  exec "$skein_program/deno" run --quiet --no-remote --cached-only --no-lock --node-modules-dir=manual \
    "--config=$skein_program/deno.json" @RUNTIME_FLAGS@ "$@"
}

# What is set for other programs of the runtime, for Node or npm, does not change how this one runs. The names are
# handed on in SKEIN_OUTER_ENVIRONMENT and the values beside: `lock run` and `queue worker` give them back to their command.
skein_seal_environment() {
  skein_own="DENO_DIR DENO_DISABLE_NODE_SHIM DENO_NO_UPDATE_CHECK HOME"
  skein_cleared=
  IFS=$skein_newline
  for skein_line in $(export -p); do
    skein_line=${skein_line#export }
    skein_line=${skein_line#declare -x }
    case ${skein_line%%=*} in
      # A line of a value may look like anything.
      *[!A-Za-z0-9_]* | @KEPT_VARIABLES@) ;;
      HOME | @RUNTIME_VARIABLES@) skein_cleared="$skein_cleared ${skein_line%%=*}" ;;
    esac
  done
  unset IFS
  # A peer of a cluster is started by this script as well, from an environment that is sealed already.
  if [ -z "${SKEIN_OUTER_ENVIRONMENT-}" ]; then
    for skein_name in $skein_cleared; do
      eval "[ -z \"\${$skein_name+x}\" ] || export \"SKEIN_OUTER_$skein_name=\$$skein_name\""
    done
    export SKEIN_OUTER_ENVIRONMENT="$skein_own$skein_cleared"
  fi
  [ -z "$skein_cleared" ] || unset $skein_cleared
  # Compiled code is kept beside the copy, which is not changed.
  export DENO_DIR="$skein_copy/cache" DENO_DISABLE_NODE_SHIM=1 DENO_NO_UPDATE_CHECK=1 HOME="$skein_program"
}

skein_main "$@"
