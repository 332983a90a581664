# Prints the time, ten times a second, until it may end.
. ./shared.sh
report_start
until may_end; do
  echo "$EPOCHREALTIME"
  pause 0.1
done
