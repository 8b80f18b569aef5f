# Who killed it, or stopped it? Each end of a process with this name, executable,
# process id, unit, pod or container (its name, or 6 or more of its id's first
# digits): the signal that led to it, and who sent that, or why the kernel did and by
# whose doing. A process that handled a signal and then exited is found, too. Where an
# end has no line, the signal that was fatal stands for it.
# usage: jq -nrf who-killed.jq --arg who nginx FILE...
# Processes choose their names: no control character of one reaches a terminal.
def clean: map(tostring | gsub("[\\p{Cc}\\p{Cf}\\p{Zl}\\p{Zp}]"; "?"));
def is_it:
  # A name has at most 15 bytes.
  .comm == $who[:15] or (.pid | tostring) == $who
  or (.exe != null and (.exe == $who or (.exe | split("/") | last) == $who))
  or (.unit != null and (.unit == $who or .unit == $who + ".service"))
  or ([.container_name, .pod_container, .pod] | any(. == $who))
  or (.container != null and ($who | length) > 5 and (.container | startswith($who)));
def process: "\(.pid) \(.start_time)";
def by:
  # Whoever started it, and who started that.
  def started: [.ancestors[:3][]?.comm] | if . == [] then null else join(" of ") end;
  def who: .sender | "\(.comm) (\(.pid))\(
    (started // .parent_comm) | if . then " of \(.)" else "" end) as \(
    .login_user // .user // .uid)";
  if .origin == "call" then who
  else "the kernel, \(.origin)"
    + if .sender and .sender_role != "self" then ", \(.sender_role) \(who)" else "" end
  end;
# The signal's own line says more of the sender than the end's line repeats.
def of_cause($signals):
  . as $cause | [$signals[] | select(.seq == $cause.seq) | .by] | last // ($cause | by);
def answer($signals):
  [.timestamp, .signal // .cause.signal, "\(.process.comm) (\(.process.pid))",
   (if .end == "exited" then "exited with \(.exit_code), asked" else .end end)
   + (if .cause then " by \(.cause | of_cause($signals))" else ", and nobody is known to be behind it" end)
   + ([.earlier[]? | ", after \(.signal) by \(of_cause($signals))"] | add // "")];
foreach (inputs, null) as $line ({signals: {}};
  .answers = []
  | if $line == null then
      .answers = ([.signals[][] | select(.fatal) | .answer] | sort_by(.[0]))
    elif $line.type == "signal" then .call = $line | .of = [$line.target, $line.recipients[]?]
    elif $line.type == "recipients" and .call.seq == $line.call_seq then .of = $line.recipients
    else
      .of = []
      | if $line.type == "exit" and ($line.process | is_it) then
          ($line.process | process) as $process
          | .signals[$process] as $signals
          | .answers = [$line | answer($signals // [])]
          | del(.signals[$process])
        else . end
    end
  | .call as $call
  | reduce (.of[] | select(.pid and is_it)) as $one (.;
      ($call | by) as $by
      | .signals[$one | process] |= (. // [])[-8:] + [{seq: $call.seq, by: $by, fatal: $one.fatal,
          answer: [$call.timestamp, $call.signal, "\($one.comm) (\($one.pid))", "by", $by]}])
  | .of = [];
  .answers[] | clean | join(" "))
