# The daemon process of the stand-in: rounds of waiting, a clean exit after the last one. Like the real one it handles
# no signals, apart from USR1 in the job service: finish the round, exit 0.
# Settings come from the environment, then the section of the config file that is named after the service, then flags.

. "$STAND_IN_BIN/record.sh"

environment=${CLARIVE_ENV:-}
exit_code=${STAND_IN_EXIT_CODE:-}       # end with this code ...
exit_after=${STAND_IN_EXIT_AFTER:-0}    # ... after this many seconds
ignore_term=${STAND_IN_IGNORE_TERM:-}   # not empty: go on after TERM
start_seconds=${STAND_IN_START_SECONDS:-0}
jobs=${STAND_IN_JOBS:-0}                # jobs to start at once ...
job_seconds=${STAND_IN_JOB_SECONDS:-60} # ... and how long they take
unified_log=${STAND_IN_UNIFIED_LOG:-0} # 1: jobs write into the log of the daemon, as the setting of that name does it
iterations=1000
config_file=
finish=
nap_pid=

case $STAND_IN_SERVICE in
  service.job.daemon | service.daemon.email) frequency=10 ;;
  service.event.daemon) frequency=15 ;;
  service.scheduler | service.root_cause_analysis.daemon) frequency=60 ;;
  service.sem.daemon | service.plugin) frequency=100 ;;
  service.purge.daemon) frequency=3600 ;;
  service.topic.inactivity_daemon) frequency=0 ;;
  *)
    log E "Could not find service '$STAND_IN_SERVICE'"
    exit 1
    ;;
esac

# configure NAME VALUE; a name that is not known here is a setting of the real daemon.
configure() {
  case $1 in
    frequency) frequency=$2 ;;
    iterations) iterations=$2 ;;
    exit-code) exit_code=$2 ;;
    exit-after) exit_after=$2 ;;
    ignore-term) ignore_term=$2 ;;
    start-seconds) start_seconds=$2 ;;
    jobs) jobs=$2 ;;
    job-seconds) job_seconds=$2 ;;
    unified_log) unified_log=$2 ;;
  esac
}

# Sets scalar to $1 without surrounding blanks and quotes.
read_scalar() {
  scalar=${1#"${1%%[! ]*}"}
  scalar=${scalar%"${scalar##*[! ]}"}
  case $scalar in
    \"*\" | \'*\') scalar=${scalar#?} scalar=${scalar%?} ;;
  esac
}

# Applies the lines "name: value" right below the section of this service; deeper levels are left out.
read_section() {
  inside= indent=
  while IFS= read -r line || [ -n "$line" ]; do
    text=${line#"${line%%[! ]*}"}
    case $text in '' | '#'*) continue ;; esac
    spaces=${line%"$text"}
    read_scalar "${text%%:*}"
    if [ -z "$spaces" ]; then
      if [ "$scalar" = "$STAND_IN_SERVICE" ]; then inside=yes; else inside=; fi
    elif [ -n "$inside" ] && [ "$spaces" = "${indent:=$spaces}" ]; then
      name=$scalar
      read_scalar "${text#*:}"
      configure "$name" "$scalar"
    fi
  done <"$1"
}

# Reads the flag -c before all others, because they override what is in the file.
read_flags() {
  previous=
  for argument; do
    case $previous in -c | --env) environment=$argument ;; esac
    previous=$argument
  done
  config_file=$CLARIVE_BASE/config/$environment.yml
  [ ! -r "$config_file" ] || read_section "$config_file"
  previous=
  for argument; do
    case $previous in --*) configure "${previous#--}" "$argument" ;; esac
    previous=$argument
  done
}

# Prints the arguments as a JSON array.
json_array() {
  separator=
  printf '['
  for argument; do
    printf '%s' "$separator"
    json_string "$argument"
    separator=,
  done
  printf ']'
}

# Starts a job: of the job service with a session of its own, of another service as a plain child.
start_job() {
  name=$1 seconds=$2
  open_job_log
  if [ "$STAND_IN_SERVICE" = service.job.daemon ]; then
    (setsid sh "$STAND_IN_BIN/job.sh" "clarive job $name" "$name" "$seconds" >&3 2>&3 3>&- &)
  else
    sh "$STAND_IN_BIN/job.sh" "clarive task $name" "$name" "$seconds" >&3 2>&3 3>&- &
  fi
  exec 3>&-
}

# Opens descriptor 3 for the output of job $name.
open_job_log() {
  exec 3>&1
  [ "$unified_log" != 1 ] || return 0
  job_log=$CLARIVE_BASE/logs/$name.log
  { true >>"$job_log"; } 2>/dev/null || job_log=/dev/null
  exec 3>>"$job_log"
}

# A file dropped in the folder jobs/start is a job; it holds the number of seconds that the job takes.
start_dropped_jobs() {
  for file in "$CLARIVE_BASE"/jobs/start/*; do
    [ -f "$file" ] || continue
    seconds=
    read -r seconds <"$file"
    rm -f "$file"
    start_job "${file##*/}" "${seconds:-$job_seconds}"
  done
}

# A file jobs/recycle makes this round the last one.
recycle_when_told() {
  [ -e "$CLARIVE_BASE/jobs/recycle" ] || return 0
  rm -f "$CLARIVE_BASE/jobs/recycle"
  iterations=${round:-0}
}

look_around() {
  record_alive
  start_dropped_jobs
  recycle_when_told
  exit_when_due
}

# Waits $1 seconds, in steps of one: a process that is killed leaves its sleep behind, and not for long. The shell runs
# a trap only between commands or in wait, therefore the sleep runs in the background.
nap() {
  left=$1
  while [ "$left" -gt 0 ] && [ -z "$finish" ]; do
    look_around
    sleep 1 &
    nap_pid=$!
    wait "$nap_pid"
    left=$((left - 1))
  done
}

exit_when_due() {
  [ -n "$exit_code" ] || return 0
  read_since_boot
  [ $((${since_boot%.*} - ${started%.*})) -ge "$exit_after" ] || return 0
  log E "Exit with code $exit_code, as told"
  exit "$exit_code"
}

read_flags "$@"
read_since_boot
started=$since_boot
config=null
[ ! -r "$config_file" ] || config=$(json_string "$(cat "$config_file")")
record start argv "$(json_array "$@")" frequency "$(json_string "$frequency")" \
  iterations "$(json_string "$iterations")" config "$config"

# A handler that does nothing, because children would inherit that a signal is ignored.
[ -z "$ignore_term" ] || trap : TERM
[ "$start_seconds" -eq 0 ] || nap "$start_seconds"
[ "$STAND_IN_SERVICE" != service.job.daemon ] || trap finish=yes USR1
record ready

job=0
while [ "$job" -lt "$jobs" ]; do
  job=$((job + 1))
  start_job "job-$job" "$job_seconds"
done

round=0
while [ "$round" -lt "$iterations" ] && [ -z "$finish" ]; do
  round=$((round + 1))
  log I "Round $round of $iterations"
  look_around
  nap "$frequency"
done
if [ -n "$finish" ]; then
  kill "$nap_pid" 2>/dev/null
  record signal name '"USR1"'
fi
log I "Finished after $round rounds"
