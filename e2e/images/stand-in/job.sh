# A job of the stand-in: job.sh <process title> <name> <seconds>
# It ends earlier when there is a file of its name in the folder jobs/end. Unlike a real job it tells when TERM ends it.

. "$STAND_IN_BIN/record.sh"

name=$2 left=$3
terminated() {
  record job-terminated job "$(json_string "$name")"
  exit 143
}
trap terminated TERM

record job-start job "$(json_string "$name")"
while [ "$left" -gt 0 ] && [ ! -e "$CLARIVE_BASE/jobs/end/$name" ]; do
  sleep 1 &
  wait "$!"
  left=$((left - 1))
done
record job-end job "$(json_string "$name")"
