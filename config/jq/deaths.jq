# What died of a signal, and why? When, the signal, who died and in which pod,
# container or unit, what made the signal, details, and who is behind it in which role. A
# process that handles a signal and then exits is not found: who-killed.jq finds it.
# usage: jq -nrf deaths.jq FILE...
# Processes choose their names: no control character of one reaches a terminal.
def clean: map(tostring | gsub("[\\p{Cc}\\p{Cf}\\p{Zl}\\p{Zp}]"; "?"));
def detail:
  .si_code_name // .limit.name // .tty
  // (if .oom then "\(.oom.anon_rss_kib / 1024 | floor) MiB" else .syscall end) // "-";
def place: (if .pod then "\(.pod_namespace // "?")/\(.pod)" else null end)
  // .container_name // .container // .unit // .user_unit;
def behind: if .sender then "\(.sender_role // "caller") \(.sender.comm) (\(.sender.pid))" else "-" end;
foreach inputs as $line ({};
  if $line.type == "signal" then {signal: $line, of: [$line.target, $line.recipients[]?]}
  elif $line.type == "recipients" and .signal.seq == $line.call_seq then .of = $line.recipients
  else .of = [] end;
  .signal as $signal | .of[] | select(.fatal)
  | [$signal.timestamp, $signal.signal, "\(.comm) (\(.pid))",
     place // "-", $signal.origin, ($signal | detail, behind)]
  | clean | @tsv)
