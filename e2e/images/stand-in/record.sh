# What the stand-in leaves behind for tests, sourced by the other scripts: log lines in Clarive's format, and records,
# one JSON object a line, in a file per life of a daemon under STAND_IN_RECORD_DIR.
# Seconds since boot order the records of all pods of a machine; "at" has milliseconds only where date knows them.

record_dir=${STAND_IN_RECORD_DIR:-$CLARIVE_BASE/logs/stand-in}
mkdir -p "$record_dir" 2>/dev/null
if [ -w "$record_dir" ]; then records=$record_dir/$STAND_IN_LIFE.jsonl; else records=/dev/null; fi

case $(date -u +%3N) in
  [0-9][0-9][0-9]) time_format=%Y-%m-%dT%H:%M:%S.%3NZ ;;
  *) time_format=%Y-%m-%dT%H:%M:%SZ ;;
esac

# log LEVEL TEXT
# In a subshell, as record: bash can lose a signal that it handles during a command substitution.
log() (
  printf '(%s)%s[%s] [StandIn::%s:1] %s\n' "$1" "$(date '+%Y-%m-%d %H:%M:%S')" "$$" "$STAND_IN_SERVICE" "$2"
)

# Prints the text given as a JSON string.
json_string() {
  printf '"%s"' "$(printf '%s\n' "$1" | sed -e 's/\\/\\\\/g' -e 's/"/\\"/g' -e 's/	/\\t/g' -e '$!s/$/\\n/' | tr -d '\n')"
}

# Sets since_boot, in seconds.
read_since_boot() {
  read -r since_boot _ </proc/uptime
}

# record EVENT [NAME JSON]...
record() (
  event=$1
  shift
  fields=
  while [ $# -gt 1 ]; do
    fields="$fields,\"$1\":$2"
    shift 2
  done
  read_since_boot
  printf '{"event":"%s","life":"%s","service":%s,"id":%s,"pod":"%s","pid":%s,"at":"%s","sinceBoot":%s%s}\n' \
    "$event" "$STAND_IN_LIFE" "$(json_string "$STAND_IN_SERVICE")" "$(json_string "$STAND_IN_ID")" "$STAND_IN_POD" \
    "$$" "$(date -u "+$time_format")" "$since_boot" "$fields" >>"$records"
  if [ "$event" = start ]; then log I start; else log I "$event$fields"; fi
)

# Says that this life still goes on: what can be known about the end of a daemon that was killed.
record_alive() {
  [ "$records" != /dev/null ] || return 0
  read_since_boot
  printf '{"event":"alive","life":"%s","sinceBoot":%s}\n' "$STAND_IN_LIFE" "$since_boot" >"$record_dir/$STAND_IN_LIFE.alive"
}
