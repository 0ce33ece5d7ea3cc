#!/bin/sh
# Skein @VERSION@ for @TARGET@: this script, and behind it a compressed archive of the program and its runtime.
#
# The archive is unpacked once, into a cache folder of the user's own. Every start compares what lies there with what
# was verified (names, sizes, inodes, times of writing and of change, modes, owners); where anything differs all of
# it is hashed anew, and a copy that is not as it was built is replaced. Then the runtime takes this process over:
# process id, signals and exit code are the program's own.
#
#   FOLDER/ID           which copy counts: its name, and a hash of how it looked when it was verified, in one line;
#                       made and replaced in one step
#   FOLDER/ID.XXXXXX/   a copy: program/, which is verified; cache/, the runtime's; used, written by each start.
#                       Locked by every process that runs from it
#   FOLDER/lock         held by whoever makes, repairs or removes copies
#
# Whoever unpacks removes the copies of other versions, but for the one that was started last and those that run: so
# FOLDER holds two copies, and one more for each further version that runs. Without flock(1) nobody knows what runs;
# there a copy is kept until it was not started for 30 days.
#
# Every variable begins with skein_: if one had the name of a variable of the environment, the program would find
# that changed.
set -fu

skein_id='@ID@'
skein_manifest_sha256='@MANIFEST_SHA256@'
skein_archive_line=@ARCHIVE_LINE@
# Everything in program/, in the order of its bytes.
skein_entries='@ENTRIES@'
skein_newline='
'
skein_reasons=
skein_new=
skein_holds_lock=

skein_main() {
  skein_find_itself
  if [ -n "${SKEIN_CACHE_DIR-}" ]; then
    skein_use "$SKEIN_CACHE_DIR" || skein_fail "SKEIN_CACHE_DIR cannot be used:$skein_reasons"
  else
    # Systemd's may be several, with colons between them.
    skein_systemd=${CACHE_DIRECTORY-}
    # A peer of a cluster is started from an environment that start.sh has sealed: HOME is the copy itself there.
    skein_home=${HOME-}
    [ -z "${SKEIN_OUTER_ENVIRONMENT-}" ] || skein_home=${SKEIN_OUTER_HOME-}
    skein_use_below "${skein_systemd%%:*}" /skein ||
      skein_use_below "${XDG_CACHE_HOME-}" /skein ||
      skein_use_below "$skein_home" /.cache/skein ||
      skein_use_below "${TMPDIR:-/tmp}" "/skein-$(id -u)" ||
      skein_fail "no folder to unpack to; SKEIN_CACHE_DIR=FOLDER names one more:$skein_reasons"
  fi
  skein_start "$@"
}

# By what the program is started again, from wherever that happens.
skein_find_itself() {
  SKEIN_EXECUTABLE=$0
  case $0 in
    */*) ;;
    *) if [ -f "./$0" ]; then SKEIN_EXECUTABLE=./$0; else SKEIN_EXECUTABLE=$(command -v "$0"); fi ;;
  esac
  case $SKEIN_EXECUTABLE in
    /*) ;;
    *)
      skein_said=$(cd -P -- "./${SKEIN_EXECUTABLE%/*}" && printf '%s.' "$PWD")
      SKEIN_EXECUTABLE=${skein_said%.}/${SKEIN_EXECUTABLE##*/}
      ;;
  esac
  [ ! -L "$SKEIN_EXECUTABLE" ] || SKEIN_EXECUTABLE=$(readlink -f "$SKEIN_EXECUTABLE")
  [ -r "$SKEIN_EXECUTABLE" ] || skein_fail "cannot read its own file: $0"
  export SKEIN_EXECUTABLE
}

# $1: a folder of the environment's, used where it is an absolute path; $2: what is below it.
skein_use_below() {
  case $1 in
    /*) skein_use "$1$2" ;;
    *) return 1 ;;
  esac
}

# Leaves in skein_copy a copy that is verified, and locks it. Fails where there is none and none can be made.
skein_use() {
  skein_folder=$1
  while [ "$skein_folder" != "${skein_folder%/}" ]; do skein_folder=${skein_folder%/}; done
  case $skein_folder in
    /*) ;;
    *) skein_pass_over "not an absolute path" && return 1 ;;
  esac
  [ ! -L "$skein_folder" ] || { skein_pass_over "a symbolic link" && return 1; }
  skein_parent=${skein_folder%/*}
  until [ -d "$skein_parent/" ]; do skein_parent=${skein_parent%/*}; done
  skein_fault=$(skein_find_others)
  [ -z "$skein_fault" ] || { skein_pass_over "$skein_fault" && return 1; }
  if [ ! -d "$skein_folder" ]; then
    skein_said=$(umask 077 && mkdir -p -- "$skein_folder" 2>&1) ||
      { skein_pass_over "${skein_said##*: }" && return 1; }
  fi
  # The runtime compares real paths with those that it is allowed. The dot keeps line feeds that end the path.
  skein_folder=$(cd -P -- "$skein_folder" 2>/dev/null && printf '%s.' "$PWD") ||
    { skein_pass_over "Permission denied" && return 1; }
  skein_folder=${skein_folder%.}
  skein_said=$(LC_ALL=C stat -c '%a %u' -- "$skein_folder")
  skein_mode=${skein_said% *}
  skein_owner=${skein_said#* }
  skein_is_own "$skein_folder" ||
    { skein_pass_over "others can change it (mode $skein_mode, owner $skein_owner)" && return 1; }
  skein_find_unchanged || skein_prepare
}

# Says who, other than this user and root, could put another folder in the cache folder's place between this look and
# the program's start. It looks at skein_parent, the last folder on the way to it that is there, and at all above.
skein_find_others() (
  cd -P -- "$skein_parent/" 2>/dev/null || { printf 'Permission denied' && exit; }
  skein_above=.
  skein_all=.
  skein_rest=${PWD%/}
  while [ -n "$skein_rest" ]; do
    skein_above=$skein_above/..
    skein_all="$skein_all $skein_above"
    skein_rest=${skein_rest%/*}
  done
  skein_said=$(LC_ALL=C stat -c '%a %u %n' -- $skein_all)
  IFS=$skein_newline
  for skein_line in $skein_said; do
    skein_mode=${skein_line%% *}
    skein_above=${skein_line##* }
    skein_owner=${skein_line#* }
    skein_owner=${skein_owner%% *}
    skein_keeps_names || { printf 'anybody can put another folder in its place' && exit; }
    # Where users have a namespace of their own, 65534 is everybody of outside, and root is there.
    [ "$skein_owner" = 0 ] || [ "$skein_owner" = 65534 ] || [ -O "$skein_above" ] ||
      { printf 'user %s can put another folder in its place' "$skein_owner" && exit; }
  done
)

# Whether what lies in a folder of this mode is safe from those who do not own it: in a sticky one it is.
skein_keeps_names() {
  case $skein_mode in
    [1357]???) ;;
    *[2367]) return 1 ;;
  esac
}

# Whether this user and root alone can change a folder of this mode and owner.
skein_is_own() {
  case $skein_mode in
    *[2367] | *[2367]?) return 1 ;;
  esac
  [ "$skein_owner" = 0 ] || [ -O "$1" ]
}

# Notes why this folder cannot be used; there may be another.
skein_pass_over() {
  skein_reasons="$skein_reasons$skein_newline  $skein_folder: $1"
}

skein_say() {
  printf 'skein: %s\n' "$1" >&2
}

# 126, as shells have it for a program that is there and cannot be started.
skein_fail() {
  skein_say "$1"
  exit 126
}

skein_has() {
  command -v "$1" >/dev/null 2>&1
}
