# Prints numbered lines until it may end, then how many there were; exits with the code given.
. ./shared.sh
report_start
number=0
until may_end; do
  number=$((number + 1))
  echo "line $number"
  pause 0.3
done
echo "$number lines"
exit "${1:-0}"
