# A job of the stand-in: job.sh <process title> <name> <seconds>
# It ends earlier when there is a file of its name in the folder jobs/end.

. "$STAND_IN_BIN/record.sh"

name=$2 left=$3
record job-start job "$(json_string "$name")"
while [ "$left" -gt 0 ] && [ ! -e "$CLARIVE_BASE/jobs/end/$name" ]; do
  sleep 1
  left=$((left - 1))
done
record job-end job "$(json_string "$name")"
