/**
 * The texts that install a server under systemd. Pure: settings in, text out.
 *
 * Jobs inherit most of what a unit restricts: filters of system calls, of address families and of namespaces stay with
 * every process that a server starts. What is mounted over parts of /proc or /sys keeps a runtime from mounting its own.
 * So the unit holds only what a job does not notice.
 */

export interface ServiceSettings {
  /** Of the unit, without `.service`. */
  name: string;
  /** The script that runs this checkout's command line. */
  script: string;
  dataDir: string;
  /** All arguments of `errand serve`. */
  arguments: string[];
  environmentFile: string;
}

/** What neither a server nor a runtime ever needs. */
const GIVEN_UP = [
  'CAP_SYS_MODULE',
  'CAP_SYS_BOOT',
  'CAP_SYS_TIME',
  'CAP_SYS_RAWIO',
  'CAP_SYS_PACCT',
  'CAP_SYS_TTY_CONFIG',
  'CAP_SYSLOG',
  'CAP_WAKE_ALARM',
  'CAP_BLOCK_SUSPEND',
  'CAP_LINUX_IMMUTABLE',
  'CAP_AUDIT_CONTROL',
  'CAP_AUDIT_READ',
];

/** The service's unit. @throws when a text cannot be said in one */
export function serviceUnit(settings: ServiceSettings): string {
  const { name, script, dataDir, environmentFile } = settings;
  // Through the shell: a policy such as SELinux's lets the service manager execute only what lies in a folder of programs.
  const command = ['/bin/sh', script, 'serve', ...settings.arguments].map(commandWord).join(' ');
  return `# Written by \`errand install-service\`, which shows what differs before it replaces this file.
[Unit]
Description=Errand: one-off jobs
Wants=network-online.target
After=network-online.target
RequiresMountsFor=${word(dataDir)}
# What keeps it from starting may be over later, such as an address that is not there yet: never give up.
StartLimitIntervalSec=0

[Service]
Type=exec
ExecStart=${command}
# ERRAND_ADMIN_API_KEY and ERRAND_MASTER_KEY; for root's eyes alone (mode 0600).
EnvironmentFile=-${path(environmentFile)}
Restart=on-failure
RestartSec=5
TimeoutStopSec=60

# A stop or a restart ends the server and leaves its jobs, which live in a scope of their own, alone.
KillMode=process
Delegate=yes
# Limits of this slice hold for the server and its jobs together.
Slice=${name}.slice
# One job that needs too much memory is no reason to stop the server.
OOMPolicy=continue
LimitNOFILE=524288
TasksMax=infinity

# Before adding to these, try \`errand doctor\` and a job under it. Jobs inherit filters: SystemCallFilter, RestrictNamespaces,
# RestrictAddressFamilies, RestrictSUIDSGID, MemoryDenyWriteExecute, LockPersonality, ProtectHostname. Where parts of
# /proc are covered (ProtectKernelTunables, ProtectKernelLogs), instances get no user namespace; ProtectControlGroups
# leaves them without limits, and PrivateTmp hides repositories below /tmp.
ProtectSystem=full
CapabilityBoundingSet=~${GIVEN_UP.join(' ')}

[Install]
WantedBy=multi-user.target
`;
}

/** The slice's unit: a place for limits. */
export function sliceUnit(name: string): string {
  return `# Written by \`errand install-service\`. What all of Errand may have goes into a drop-in of this unit, such as
# \`systemctl set-property ${name}.slice MemoryMax=8G CPUQuota=400%\`.
[Unit]
Description=Errand: its server and the jobs that it runs
`;
}

/** The file of secrets. @param variables set in it; the others are shown as comments */
export function environmentText(variables: { adminApiKey: string; masterKey?: string }): string {
  const master =
    variables.masterKey === undefined
      ? '#ERRAND_MASTER_KEY='
      : `ERRAND_MASTER_KEY=${environmentValue(variables.masterKey)}`;
  return `# Secrets of Errand's server. Keep them readable by root alone.
# An admin key that the next start installs. Once you have made keys of your own, remove the line and revoke it.
ERRAND_ADMIN_API_KEY=${environmentValue(variables.adminApiKey)}
# 32 bytes in hex or base64 that encrypt what is secret; without them a file in the data folder does.
${master}
`;
}

/** One word of a command line: systemd's own quoting, and neither its specifiers nor variables. */
export function commandWord(text: string): string {
  return word(text).replaceAll('$', '$$$$');
}

/** One word of a list. */
function word(text: string): string {
  refuseControls(text);
  if (/^[\w@+=:,./-]+$/.test(text)) return text;
  return `"${text.replaceAll(/["\\]/g, '\\$&').replaceAll('%', '%%')}"`;
}

/** A path that takes the rest of its line. */
function path(text: string): string {
  refuseControls(text);
  return text.replaceAll('%', '%%');
}

/** The same to a shell and to systemd. */
function environmentValue(text: string): string {
  refuseControls(text);
  return /^[\w+=:,./-]+$/.test(text) ? text : `"${text.replaceAll(/["\\$`]/g, '\\$&')}"`;
}

function refuseControls(text: string): void {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is refused
  if (/[\u0000-\u001f\u007f]/.test(text)) {
    throw new Error(`${JSON.stringify(text)}: a unit cannot hold control characters`);
  }
}
