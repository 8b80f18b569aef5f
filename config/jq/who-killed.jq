# Who killed it? Each signal that ended a process with this name, executable,
# process id, unit, pod or container (its name, or 6 or more of its id's first
# digits), and who sent it, or why the kernel did and by whose doing. A process that handles a signal
# and then exits is not found.
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
def by:
  # Whoever started it, and who started that.
  def started: [.sender.ancestors[:3][]?.comm] | if . == [] then null else join(" of ") end;
  def who: "\(.sender.comm) (\(.sender.pid)) of \(started // .sender.parent_comm) as \(
    .sender.login_user // .sender.user // .sender.uid)";
  if .syscall then who
  else "the kernel, \(.origin)"
    + if .sender and .sender_role != "self" then ", \(.sender_role) \(who)" else "" end
  end;
foreach inputs as $line ({};
  if $line.type == "signal" then {call: $line, of: [$line.target, $line.recipients[]?]}
  elif $line.type == "recipients" and .call.seq == $line.call_seq then .of = $line.recipients
  else .of = [] end;
  .call as $call | .of[] | select(.fatal and is_it)
  | [$call.timestamp, $call.signal, "\(.comm) (\(.pid))", "by", ($call | by)]
  | clean | join(" "))
