# Leaves word that it was started, and ends.
. ./shared.sh
report_start
echo started
