# hold-fork.pl <pid>: stops the first process that process <pid> forks, before its first instruction, as no signal can.
# Says "ready" when it will do so and "held" when it has; the end of its input lets the stopped process go on.
use strict;
use warnings;
use Config;

my ($parent) = @ARGV;
my $ptrace = $Config{archname} =~ /^x86_64/ ? 101 : 117;
my ($detach, $seize, $trace_fork, $wait_all) = (17, 0x4206, 2, 0x40000000);

sub trace {
  my ($request, $pid, $data) = @_;
  syscall($ptrace, $request, $pid + 0, 0, $data) == 0 or die "ptrace: $!\n";
}

$| = 1;
trace($seize, $parent, $trace_fork);
print "ready\n";

# Both stop, in any order: the parent, which nobody signals yet, because it has forked; the child before it runs.
my ($one, $other) = (waitpid(-1, $wait_all), waitpid(-1, $wait_all));
trace($detach, $parent, 0);
print "held\n";
<STDIN>;
trace($detach, $one == $parent ? $other : $one, 0);
