# Keeps a CPU busy for ten seconds, and prints the seconds that passed and, below, those of CPU time that it got.
began=${EPOCHREALTIME/./}
until ((${EPOCHREALTIME/./} - began > 10000000)); do :; done
echo "passed $((${EPOCHREALTIME/./} - began))"
times
