# Forks until the kernel refuses, and prints how often it did not.
my $count = 0;
while ($count < 5000) {
  my $child = fork;
  last unless defined $child;
  if ($child == 0) { sleep 600; exit }
  $count++;
}
print "$count processes\n";
