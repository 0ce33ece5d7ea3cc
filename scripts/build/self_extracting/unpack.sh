
# --- Making copies, repairing them, removing them ---

# Verifies what is there, and unpacks where that is missing or not as it was built.
skein_prepare() {
  [ ! -w "$skein_folder" ] || skein_lock_folder
  # Another start may have been at work until now.
  ! skein_find_unchanged || return 0
  if ! skein_find; then
    skein_unpack
  elif ! skein_verify; then
    skein_say "$skein_copy is not as it was built, and is replaced: $skein_fault"
    skein_unpack || skein_fail "it cannot be replaced:$skein_reasons"
  elif [ ! -x "$skein_copy/program/deno" ]; then
    skein_unpack
  elif [ -w "$skein_copy" ]; then
    # Where this cannot be written the next start verifies again.
    skein_write_name && mv -f "$skein_copy/name" "$skein_folder/$skein_id" || return 0
  fi
}

# Waits for whoever has it; after a minute both are at it, which costs them no more than time and room.
skein_lock_folder() {
  skein_has flock && { command exec 9>>"$skein_folder/lock"; } 2>/dev/null || return 0
  skein_holds_lock=yes
  skein_tries=0
  until flock -n 9 || [ "$skein_tries" -ge 600 ]; do
    skein_tries=$((skein_tries + 1))
    sleep 0.1
  done
}

# Makes a copy beside whatever is there. It counts once it is verified.
skein_unpack() {
  skein_new=$(mktemp -d "$skein_folder/$skein_id.XXXXXX" 2>&1) ||
    { skein_pass_over "${skein_new##*: }" && return 1; }
  trap 'skein_discard; exit 129' HUP
  trap 'skein_discard; exit 130' INT
  trap 'skein_discard; exit 143' TERM
  skein_old=$skein_copy
  skein_copy=$skein_new
  skein_lock_copy
  (umask 022 && printf '' >"$skein_copy/used" && printf '#!/bin/sh\n' >"$skein_copy/probe") 2>/dev/null ||
    skein_give_up "cannot write to $skein_folder"
  chmod 700 "$skein_copy/probe"
  if ! "$skein_copy/probe" 2>/dev/null; then
    skein_discard
    skein_pass_over "programs cannot be executed there" && return 1
  fi
  skein_said=$(skein_extract 2>&1) || skein_give_up_unpacking "${skein_said%%"$skein_newline"*}"
  skein_verify || skein_give_up_unpacking "$skein_fault"
  skein_said=$("$skein_copy/program/deno" --version 2>&1 >/dev/null) || skein_give_up \
    "the runtime does not start on this machine; it is made for @TARGET@: ${skein_said%%"$skein_newline"*}"
  skein_publish
  skein_new=
  trap - HUP INT TERM
  skein_sweep
}

skein_extract() {
  umask 022
  cd "$skein_copy" && rm probe && mkdir program cache && chmod 755 . || return 1
  tail -n +"$skein_archive_line" "$SKEIN_EXECUTABLE" | GZIP='' gzip -dc | TAR_OPTIONS='' tar -xof - -C program &&
    chmod -R u=rwX,go=rX program
}

# Linking fails where another start was faster: without flock(1), several unpack at once.
skein_publish() {
  skein_write_name || skein_give_up "cannot write to $skein_folder"
  if [ -z "$skein_old" ]; then
    ln "$skein_copy/name" "$skein_folder/$skein_id" 2>/dev/null && rm -f "$skein_copy/name" && return
    skein_find_unchanged && skein_discard && return
    skein_copy=$skein_new
    skein_lock_copy
  fi
  mv -f "$skein_copy/name" "$skein_folder/$skein_id" || skein_give_up "cannot write to $skein_folder"
}

# A copy of root's may be meant for others as well.
skein_write_name() (
  umask 022
  printf '%s %s\n' "${skein_copy##*/}" "$skein_stamp" >"$skein_copy/name"
)

skein_discard() {
  rm -rf "$skein_new"
}

skein_give_up() {
  skein_discard
  skein_fail "$1"
}

skein_give_up_unpacking() {
  tail -n +"$skein_archive_line" "$SKEIN_EXECUTABLE" | GZIP='' gzip -t 2>/dev/null ||
    skein_give_up "$SKEIN_EXECUTABLE is damaged or cut short; fetch it again"
  skein_give_up "cannot unpack to $skein_folder: $1"
}

# Removes what nobody runs from: copies that were never finished, that were replaced, and of other versions all but
# the one that was started last.
skein_sweep() {
  set +f
  skein_kept=
  for skein_other in "$skein_folder"/skein-*.??????; do
    skein_is_published || continue
    [ -n "$skein_kept" ] && [ "$skein_kept/used" -nt "$skein_other/used" ] || skein_kept=$skein_other
  done
  for skein_other in "$skein_folder"/skein-*.??????; do
    [ "$skein_other" != "$skein_copy" ] && [ "$skein_other" != "$skein_kept" ] || continue
    # In a process of its own, for its lock. Nobody finds what is no longer published.
    (skein_is_idle && { ! skein_is_published || rm -f "${skein_other%.*}"; } && rm -rf "$skein_other") 2>/dev/null
  done
  set -f
}

# Whether skein_other is the copy that counts of another version.
skein_is_published() {
  [ -d "$skein_other" ] && [ -r "${skein_other%.*}" ] && [ "${skein_other%.*}" != "$skein_folder/$skein_id" ] &&
    read -r skein_name skein_rest <"${skein_other%.*}" && [ "$skein_name" = "${skein_other##*/}" ]
}

# Without flock(1) nobody knows who runs from it: then it is idle once it was not started for 30 days.
skein_is_idle() {
  [ -d "$skein_other" ] && [ ! -L "$skein_other" ] || return 1
  if skein_has flock; then
    exec 8<"$skein_other" && flock -n 8
  else
    [ $(($(date +%s) - $(stat -c %Y -- "$skein_other/used"))) -gt 2592000 ]
  fi
}
