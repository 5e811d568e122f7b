// The first process of a daemon's container: a shell script, because a shell is what every image of Clarive has.

/**
 * What the init does when the container is to stop:
 * - `terminate`: TERM to all processes.
 * - `drain-term`, `drain-usr1`: TERM or USR1 to the daemon alone, so that the jobs it started can end; when the drain
 *   time is over, TERM to all processes that are left.
 *
 * In the drain modes a daemon that ends while its jobs run is started again beside them, because the end of the container
 * would kill them half-way. After its third failure in a row the init waits for the jobs, up to the drain time, and ends
 * with the daemon's exit code, so that Kubernetes tells of it.
 */
export type InitMode = 'terminate' | 'drain-term' | 'drain-usr1';

/**
 * POSIX shell script that runs a daemon as process 1 of its container, to be run as
 * `sh -c <script> clarive-init <mode> <drain seconds> -- <command line of the daemon>`.
 *
 * Exit code: the daemon's own, or 128 + n if signal n ended it. After a stop: 0, however the daemon took the signal, or
 * 143 if the drain time was over before the jobs were. 64: not process 1, or an unknown mode.
 *
 * The kubelet replaces `$(NAME)` and `$$` in a container's command, so the script has neither.
 */
export const initScript = String.raw`# First of all: the kernel drops a signal for which process 1 has no trap.
trap 'exit 0' TERM INT QUIT
mode=$1 drain_seconds=$2
shift 3
log() { echo "clarive-init: $*" >&2; }

# Elsewhere, a signal to all processes would hit strangers.
read -r own_pid _ </proc/self/stat
[ "$own_pid" -eq 1 ] || { log "must be process 1 of a container, not $own_pid"; exit 64; }
case $mode in
  terminate | drain-term) stop_signal=TERM ;;
  drain-usr1) stop_signal=USR1 ;;
  *) log "unknown mode '$mode'"; exit 64 ;;
esac

# Sets now: whole seconds since boot, because the wall clock may be set.
read_now() { IFS=. read -r now _ </proc/uptime; }

# Sets pid, state and parent from the line /proc/<pid>/stat; fails if the process is gone. Not from the file "status": bash
# goes back after each line that it reads, and finds another text when the process has changed.
inspect() {
  read -r line 2>/dev/null <"$1" || return 1
  pid=${'$'}{line%% *} fields=${'$'}{line##*) }
  state=${'$'}{fields%% *} fields=${'$'}{fields#* }
  parent=${'$'}{fields%% *}
  case $parent in '' | *[!0-9]*) state=R parent=1 ;; esac
}

# Whether process $pid has the command line of the wrapper.
is_copy() {
  title=
  read -r title <"/proc/$pid/cmdline"
  [ -n "$wrapper" ] && [ "$title" = "$wrapper" ]
} 2>/dev/null

# Sets live: how many other processes there are, without zombies and without what kubectl exec and probes started: their
# first ancestor has parent 0. Sets daemon: the child of the wrapper, which is process $!, else the wrapper itself. A copy of
# the wrapper is one of its subshells.
count_live() {
  live=0 daemon=
  for stat in /proc/[0-9]*/stat; do
    inspect "$stat" && [ "$pid" -ne 1 ] && [ "$state" != Z ] || continue
    if [ "$parent" = "$!" ]; then is_copy || daemon=$pid
    elif [ "$pid" = "$!" ] && [ -z "$daemon" ]; then daemon=$pid; fi
    while [ "$parent" -gt 1 ] && inspect "/proc/$parent/stat"; do :; done
    [ "$parent" -eq 0 ] || live=$((live + 1))
  done
}

# Looks twice: a process that ended during the first look may have left a child.
any_live() {
  count_live
  [ "$live" -gt 0 ] || count_live
  [ "$live" -gt 0 ]
}

# Signals the daemon once, after two looks have found it: so none of the short-lived children that a wrapper has while it
# starts. The wrapper is left alone, unless it had no child for twenty looks: then it became the daemon itself, by exec.
signal_daemon() {
  if [ "$daemon" = "$seen" ]; then looks=$((looks + 1)); else seen=$daemon looks=1; fi
  case $daemon in '') return ;; "$!") enough=20 ;; *) enough=2 ;; esac
  [ "$looks" -ne "$enough" ] || kill -s "$stop_signal" "$daemon" 2>/dev/null
}

# Waits until no other process is left, looking ten times a second at first, then once; fails after $1 seconds. Runs $2
# after each look.
await_end() {
  read_now
  deadline=$((now + $1)) soon=$((now + 2))
  while any_live; do
    [ "$now" -lt "$deadline" ] || return 1
    $2
    { [ "$now" -lt "$soon" ] && sleep 0.1 2>/dev/null; } || sleep 1
    read_now
  done
}

# Waits until process $! is no copy of this shell any more, which loses signals, for ten looks. Sets wrapper: its command line.
await_exec() {
  read -r own </proc/1/cmdline
  for look in 1 2 3 4 5 6 7 8 9 10; do
    wrapper=
    read -r wrapper <"/proc/$!/cmdline"
    [ "$wrapper" = "$own" ] || return 0
    sleep 0.1 || sleep 1
  done
} 2>/dev/null

# Gives TERM to process $! when it is no copy of this shell any more, if it still was one when all got theirs.
signal_late() {
  [ -n "$wrapper" ] && [ "$wrapper" = "$own" ] || return 0
  wrapper=
  read -r wrapper <"/proc/$!/cmdline"
  [ "$wrapper" = "$own" ] || kill -s TERM "$!"
} 2>/dev/null

# TERM to all processes, then waits up to $1 seconds. KILL is the kubelet's, at the end of the grace period.
terminate() {
  kill -s TERM -- -1 2>/dev/null
  await_end "$1" signal_late
}

# Ends the script, so that no signal is lost between two commands of the loop below.
stop() {
  trap : TERM INT QUIT
  # A shell may take the interrupted wait for the end of the daemon.
  [ "$failures" -ge 3 ] || code=0
  await_exec
  if [ "$mode" = terminate ]; then
    terminate 1000000
  else
    log "stopping; running jobs have $drain_seconds seconds to end"
    await_end "$drain_seconds" signal_daemon || {
      log "out of time; terminating $live processes"
      terminate 1000000
      exit 143
    }
  fi
  exit "$code"
}

code=0 seen= wrapper= own= failures=0
# Background processes of a shell ignore INT, so all three go on as TERM or USR1.
trap stop TERM INT QUIT
while :; do
  "$@" &
  wait "$!"
  code=$?
  [ "$mode" != terminate ] && any_live || break
  if [ "$code" -eq 0 ]; then failures=0; else failures=$((failures + 1)); fi
  if [ "$failures" -eq 3 ]; then
    log "the daemon failed three times, now with exit code $code; its jobs have $drain_seconds seconds to end"
    await_end "$drain_seconds"
    break
  fi
  log "the daemon ended with exit code $code; starting it again beside $live processes"
  await_end 2 && break
done
any_live && terminate 10
exit "$code"
`;
