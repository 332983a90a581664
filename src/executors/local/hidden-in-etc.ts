/**
 * What instances do not see of the host's /etc, although everybody on the host may read some of it: where passwords
 * and keys stand by custom, and what only the host's own services read. All else is shown as far as the kernel lets the
 * instances' user read it.
 */
export const HIDDEN_IN_ETC: readonly string[] = [
  // Settings of this server.
  'errand',
  // Accounts; instances have their own passwd and group.
  ...['group-', 'gshadow', 'gshadow-', 'passwd-', 'shadow', 'shadow-', 'subgid', 'subuid'],
  ...['sudoers', 'sudoers.d'],
  // Environments and commands of the host's services: tokens stand in them, in files that everybody may read.
  ...['conf.d', 'default', 'environment', 'environment.d', 'init.d', 'supervisor', 'sysconfig', 'systemd'],
  ...['anacrontab', 'cron.d', 'cron.daily', 'cron.hourly', 'cron.monthly', 'cron.weekly', 'crontab'],
  // Credentials of mounts, of package mirrors, and of the cloud that the host was started in.
  ...['apt', 'cloud', 'exports', 'fstab'],
  // Networks that the host joins, and their keys.
  ...['NetworkManager', 'ipsec.conf', 'ipsec.d', 'ipsec.secrets', 'netplan', 'network', 'openvpn', 'ppp'],
  ...['swanctl', 'wireguard', 'wpa_supplicant', 'wpa_supplicant.conf'],
  // Container engines and clusters that the host is part of.
  ...['cni', 'consul.d', 'containerd', 'docker', 'kubernetes', 'nomad.d', 'rancher', 'vault.d'],
  // Private keys, also where somebody has opened their folder.
  ...['letsencrypt', 'pki/tls/private', 'ssl/private'],
];
