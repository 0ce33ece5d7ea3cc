
# --- The copy that counts, and whether it is as it was built ---

# Leaves in skein_copy the copy that counts, and locks it. Fails where there is none, or it is just being removed.
skein_find() {
  skein_copy=
  [ -r "$skein_folder/$skein_id" ] && read -r skein_name skein_stamp <"$skein_folder/$skein_id" || return 1
  case $skein_name in
    */*) return 1 ;;
    "$skein_id".*) skein_copy=$skein_folder/$skein_name ;;
    *) return 1 ;;
  esac
  [ -d "$skein_copy" ] && [ ! -L "$skein_copy" ] && skein_lock_copy
}

# Held until the program ends. Without flock(1) there are no locks, and what is no longer used is kept the longer.
skein_lock_copy() {
  { command exec 8<"$skein_copy"; } 2>/dev/null || return 1
  ! skein_has flock || flock -s -n 8
}

# Finds the copy that counts, and whether it still looks as it did when it was verified. Where programs cannot be
# executed any more, as on another mount, it is as good as not there.
skein_find_unchanged() {
  skein_find && [ -x "$skein_copy/program/deno" ] && [ "$(skein_make_stamp)" = "$skein_stamp  -" ]
}

# A hash of how everything looks that a start relies on. Fails where others could change the copy.
skein_make_stamp() {
  skein_facts 2>/dev/null | {
    read -r skein_mode skein_owner skein_rest && skein_is_own "$skein_copy" && exec sha256sum
  }
}

# A line for the copy, and for all that is verified. Whatever is added to a folder, or taken out of it, changes that
# folder's times.
skein_facts() (
  LC_ALL=C TZ=UTC0
  export LC_ALL TZ
  cd "$skein_copy/program" && exec stat -c '%a %u %g %s %i %y %z %F %n' -- .. . $skein_entries
)

# Compares every file of the copy with what was built. Where it differs, skein_fault says in what.
skein_verify() {
  # First what the files look like, then their content: what is changed from now on is seen by the next start.
  skein_stamp=$(skein_make_stamp)
  skein_stamp=${skein_stamp%% *}
  skein_fault="others can change it"
  [ -n "$skein_stamp" ] || return 1
  skein_found=$(cd "$skein_copy/program" && set +f && skein_walk . | LC_ALL=C sort)
  if [ "$skein_found" != "$skein_entries" ]; then
    skein_fault="$(skein_first_beyond "$skein_entries" "$skein_found") does not belong there"
    [ "$skein_fault" != " does not belong there" ] ||
      skein_fault="$(skein_first_beyond "$skein_found" "$skein_entries") is missing"
    return 1
  fi
  skein_fault=$(skein_find_strange)
  [ -z "$skein_fault" ] || return 1
  skein_fault="manifest was changed"
  [ "$(sha256sum <"$skein_copy/program/manifest")" = "$skein_manifest_sha256  -" ] || return 1
  skein_fault=$(cd "$skein_copy/program" && LC_ALL=C sha256sum -c manifest 2>/dev/null) && return 0
  skein_fault=${skein_fault%%: FAILED*}
  skein_fault="${skein_fault##*"$skein_newline"} was changed"
  return 1
}

# Everything below a folder.
skein_walk() {
  for skein_entry in "$1"/* "$1"/.[!.]* "$1"/..?*; do
    [ -e "$skein_entry" ] || [ -L "$skein_entry" ] || continue
    printf '%s\n' "${skein_entry#./}"
    [ -L "$skein_entry" ] || [ ! -d "$skein_entry" ] || skein_walk "$skein_entry"
  done
}

# The first line of $2 that is none of $1.
skein_first_beyond() (
  IFS=$skein_newline
  for skein_entry in $2; do
    case $skein_newline$1$skein_newline in
      *"$skein_newline$skein_entry$skein_newline"*) ;;
      *) printf '%s' "$skein_entry" && exit ;;
    esac
  done
)

# What is neither file nor folder, or has an owner or a mode that it was not given.
skein_find_strange() (
  skein_uid=$(id -u)
  cd "$skein_copy/program" || exit
  skein_kinds=$(LC_ALL=C stat -c '%u %a %F' -- . $skein_entries | LC_ALL=C sort -u)
  IFS=$skein_newline
  for skein_kind in $skein_kinds; do
    case $skein_kind in
      "$skein_uid "* | "0 "*) ;;
      *) printf 'something belongs to user %s' "${skein_kind%% *}" && exit ;;
    esac
    case ${skein_kind#* } in
      *755' directory' | 644' regular'*' file' | 755' regular file') ;;
      *) printf 'something has become a %s with mode %s' "${skein_kind#* * }" "${skein_kind#* }" && exit ;;
    esac
  done
)
