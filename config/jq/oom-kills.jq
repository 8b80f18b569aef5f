# What did the OOM killer end? When, which process, where it ran, its anonymous memory
# in MiB and its oom_score_adj (from Linux 6.8 on), and whose wish for memory it was.
# usage: jq -nrf oom-kills.jq FILE...
# Processes choose their names: no control character of one reaches a terminal.
def clean: map(tostring | gsub("[\\p{Cc}\\p{Cf}\\p{Zl}\\p{Zp}]"; "?"));
inputs | select(.type == "signal" and .origin == "oom")
| [.timestamp, (.target | "\(.comm) (\(.pid))",
     (if .pod then "\(.pod_namespace // "?")/\(.pod)" else .pod_uid end)
       // .container_name // .container // .unit // .user_unit // .cgroup // "-"),
   (if .oom then .oom.anon_rss_kib / 1024 | floor else "-" end), .oom.oom_score_adj // "-",
   (if .sender then .sender | "\(.comm) (\(.pid))" else "-" end)] | clean | @tsv
