# Who sends the most signals? Count, program and signal, most frequent first.
# Signal 0, which only asks whether a process exists, is left out.
# usage: jq -nrf top-killers.jq FILE...
# Processes choose their names: no control character of one reaches a terminal.
def clean: map(tostring | gsub("[[:cntrl:]]"; "?"));
reduce (inputs | select(.type == "signal" and .errno == null and .signal_number > 0)) as $call ({};
  .["\($call.sender.exe // $call.sender.comm) \($call.signal)"] += 1)
| to_entries | sort_by(-.value, .key) | .[:20][] | [.value, .key] | clean | join(" ")
