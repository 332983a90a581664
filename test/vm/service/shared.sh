# What the commands here have in common. Waiting and asking cost no new process: under emulation those are dear.
exec 8<> <(:)

# pause SECONDS
pause() { read -rt "$1" -u 8 || true; }

# Leaves word outside of the instance that this command was started.
report_start() {
  until { echo "$ERRAND_JOB_ID" >/dev/tcp/127.0.0.1/9100; } 2>/dev/null; do pause 0.5; done
}

# Whether those who watch say that it may end.
may_end() { { : </dev/tcp/127.0.0.1/9101; } 2>/dev/null; }
