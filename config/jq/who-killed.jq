# Who killed it? Each signal that ended a process with this name, executable,
# process id, unit or container (6 or more of its id's first digits), and who
# sent it. A process that handles a signal and then exits is not found.
# usage: jq -nrf who-killed.jq --arg who nginx FILE...
# Processes choose their names: no control character of one reaches a terminal.
def clean: map(tostring | gsub("[[:cntrl:]]"; "?"));
def is_it:
  # A name has at most 15 bytes.
  .comm == $who[:15] or (.pid | tostring) == $who
  or (.exe != null and (.exe == $who or (.exe | split("/") | last) == $who))
  or (.unit != null and (.unit == $who or .unit == $who + ".service"))
  or (.container != null and ($who | length) > 5 and (.container | startswith($who)));
foreach inputs as $line ({};
  if $line.type == "signal" then {call: $line, of: [$line.target, $line.recipients[]?]}
  elif $line.type == "recipients" and .call.seq == $line.call_seq then .of = $line.recipients
  else .of = [] end;
  .call as $call | .of[] | select(.fatal and is_it)
  | [$call.timestamp, $call.signal, "\(.comm) (\(.pid))", "by",
     "\($call.sender.comm) (\($call.sender.pid))", "of", $call.sender.parent_comm, "as",
     $call.sender.login_user // $call.sender.user // $call.sender.uid] | clean | join(" "))
