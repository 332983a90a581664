// Generated from openapi.json by `npm run generate`. Do not edit.

export type DeployMode = "deploy_only" | "build_and_deploy";
export type AddUpdateEnvVarInput = (EnvVarValue | EnvVarGenerateValue);
export type ArtifactFetchFailedEvent = { artifactId: string; message: string };
export type ArtifactSourceChangedEvent = { fromArtifactSourceId?: string; toArtifactSourceId?: string };
export type ArtifactSourceId = string;
export type AutoDeploy = "yes" | "no";
export type AutoDeployDisabledEvent = { reason: string; fromTrigger?: AutoDeployTrigger };
export type AutoDeployEnabledEvent = { newTrigger?: AutoDeployTrigger };
export type AutoDeployTrigger = "commit" | "off" | "checksPass";
export type AutoscalingConfig = { enabled: boolean; min: number; max: number; criteria: AutoscalingCriteria };
export type AutoscalingConfigChangedEvent = { fromConfig?: AutoscalingConfig; toConfig: AutoscalingConfig };
export type AutoscalingCriteria = { cpu: AutoscalingCriteriaPercentage; memory: AutoscalingCriteriaPercentage };
export type AutoscalingCriteriaPercentage = { enabled: boolean; percentage: number };
export type AutoscalingEndedEvent = { fromInstances: number; toInstances: number };
export type AutoscalingStartedEvent = { fromInstances: number; toInstances: number; currentCPU?: number; targetCPU?: number; currentMemory?: number; targetMemory?: number };
export type BackgroundWorkerDetails = { autoscaling?: AutoscalingConfig; disk?: Disk; env: ServiceEnv; envSpecificDetails: EnvSpecificDetails; numInstances: number; parentServer?: Resource; plan: Plan; pullRequestPreviewsEnabled?: PullRequestPreviewsEnabled; previews?: Previews; region: Region; runtime: ServiceRuntime; sshAddress?: SshAddress; buildPlan: BuildPlan; maxShutdownDelaySeconds?: MaxShutdownDelaySeconds };
export type BackgroundWorkerDetailsPATCH = { envSpecificDetails?: EnvSpecificDetailsPATCH; plan?: PaidPlan; preDeployCommand?: string; pullRequestPreviewsEnabled?: PullRequestPreviewsEnabled; previews?: Previews; runtime?: ServiceRuntime; maxShutdownDelaySeconds?: MaxShutdownDelaySeconds };
export type BackgroundWorkerDetailsPOST = { artifactSourceId?: ArtifactSourceId; autoscaling?: AutoscalingConfig; disk?: ServiceDisk; env?: ServiceEnv; runtime: ServiceRuntime; envSpecificDetails?: EnvSpecificDetailsPOST; numInstances: number; plan?: PaidPlan; preDeployCommand?: string; pullRequestPreviewsEnabled?: PullRequestPreviewsEnabled; previews?: Previews; region?: Region; maxShutdownDelaySeconds?: MaxShutdownDelaySeconds };
export type BranchDeletedEvent = { deletedBranch: string; newBranch: string };
export type BuildDeployEndReason = { buildFailed?: BuildDeployEndReasonID; newBuild?: BuildDeployEndReasonID; newDeploy?: BuildDeployEndReasonID; failure?: FailureReason };
export type BuildDeployEndReasonID = { id: string };
export type BuildDeployTrigger = { firstBuild: boolean; envUpdated: boolean; manual: boolean; user?: SchemasUser; updatedProperty?: string; newCommit?: string; deployedByRender: boolean; clearCache: boolean; rollback: boolean; rollbackTargetDeployId?: string };
export type BuildEndedEvent = { buildId: string; buildStatus: EventStatus; reason: BuildDeployEndReason; status: number };
export type BuildFilter = { paths: (string)[]; ignoredPaths: (string)[] };
export type BuildPlan = "starter" | "performance";
export type BuildStartedEvent = { buildId: string; trigger: BuildDeployTrigger };
export type Cache = { profile: "no-cache" | "origin-controlled" | "origin-controlled-all" };
export type CidrBlockAndDescription = { cidrBlock: string; description: string };
export type CommitIgnoredEvent = { id: string; url: string };
export type CronJobDetails = { env: ServiceEnv; envSpecificDetails: EnvSpecificDetails; lastSuccessfulRunAt?: string; plan: Plan; region: Region; runtime: ServiceRuntime; schedule: string; buildPlan: BuildPlan };
export type CronJobDetailsPATCH = { envSpecificDetails?: EnvSpecificDetailsPATCH; plan?: PaidPlan; schedule?: string; runtime?: ServiceRuntime };
export type CronJobDetailsPOST = { artifactSourceId?: ArtifactSourceId; env?: ServiceEnv; runtime: ServiceRuntime; envSpecificDetails?: EnvSpecificDetails; plan?: PaidPlan; region?: Region; schedule: string };
export type CronJobRun = { id: string; status: "pending" | "successful" | "unsuccessful" | "canceled"; startedAt?: string; finishedAt?: string; triggeredBy?: string; canceledBy?: string; statusReason?: string };
export type CronJobRunEndedEvent = { cronJobRunId: string; status: CronJobRunStatus; reason?: FailureReason; user?: SchemasUser };
export type CronJobRunStartedEvent = { cronJobRunId: string };
export type CronJobRunStatus = "canceled" | "pending" | "successful" | "unsuccessful";
export type Cursor = string;
export type CustomDomain = { id: string; name: string; domainType: "apex" | "subdomain"; publicSuffix: string; redirectForName: string; verificationStatus: "verified" | "unverified"; createdAt: string; server?: { id?: string; name?: string } };
export type CustomDomainWithCursor = { customDomain: CustomDomain; cursor: Cursor };
export type Deploy = { id: string; artifactId?: string; commit?: { id?: string; message?: string; createdAt?: string }; image?: { ref?: string; sha?: string; registryCredential?: string }; status?: DeployStatus; trigger?: "api" | "blueprint_sync" | "deploy_hook" | "deployed_by_render" | "manual" | "other" | "new_commit" | "rollback" | "service_resumed" | "service_updated"; startedAt?: string; finishedAt?: string; createdAt?: string; updatedAt?: string; statusReason?: string; queuePlace?: number };
export type DeployEndedEvent = { deployId: string; reason: BuildDeployEndReason; deployStatus: EventStatus; status: number; artifactId?: string };
export type DeployList = (DeployWithCursor)[];
export type DeployStartedEvent = { deployId: string; trigger: BuildDeployTrigger; artifactId?: string };
export type DeployStatus = "created" | "queued" | "build_in_progress" | "update_in_progress" | "live" | "deactivated" | "build_failed" | "update_failed" | "canceled" | "pre_deploy_in_progress" | "pre_deploy_failed";
export type DeployWithCursor = { deploy?: Deploy; cursor?: Cursor };
export type Disk = { id: DiskId; name: string; sizeGB: number; mountPath: string };
export type DiskCreatedEvent = { diskId: DiskId; sizeGB: number };
export type DiskDeletedEvent = { diskId: DiskId };
export type DiskDetails = { id: DiskId; name: string; sizeGB: number; mountPath: string; serviceId?: string; createdAt: string; updatedAt: string };
export type DiskId = string;
export type DiskPATCH = { name?: string; sizeGB?: number; mountPath?: string };
export type DiskPOST = { name: string; sizeGB: number; mountPath: string; serviceId: string };
export type DiskUpdatedEvent = { diskId: DiskId; fromSizeGB: number; toSizeGB: number };
export type DiskWithCursor = { disk: DiskDetails; cursor: Cursor };
export type DockerDetails = { dockerCommand: string; dockerContext: string; dockerfilePath: string; preDeployCommand?: string; registryCredential?: RegistryCredential };
export type DockerDetailsPATCH = { dockerCommand?: string; dockerContext?: string; dockerfilePath?: string; registryCredentialId?: string };
export type DockerDetailsPOST = { dockerCommand?: string; dockerContext?: string; dockerfilePath?: string; registryCredentialId?: string };
export type EdgeCacheDisabledEvent = { trigger: EdgeCacheTrigger };
export type EdgeCacheEnabledEvent = { trigger: EdgeCacheTrigger };
export type EdgeCachePurgedEvent = { trigger: EdgeCacheTrigger };
export type EdgeCacheTrigger = { manual: boolean; user?: SchemasUser; system: boolean };
export type EnvGroup = (EnvGroupMeta & { envVars: (EnvVar)[]; secretFiles: (SecretFile)[] });
export type EnvGroupLink = { id: string; name: string; type: ServiceTypeShort };
export type EnvGroupMeta = { id: string; name: string; ownerId: string; createdAt: string; updatedAt: string; serviceLinks: (EnvGroupLink)[]; environmentId?: string };
export type EnvGroupPATCHInput = { name: string };
export type EnvGroupPOSTInput = { name: string; ownerId: string; envVars: EnvVarInputArray; secretFiles?: (SecretFileInput)[]; serviceIds?: (string)[]; environmentId?: string };
export type EnvSpecificDetails = (DockerDetails | NativeEnvironmentDetails);
export type EnvSpecificDetailsPATCH = (DockerDetailsPATCH | NativeEnvironmentDetailsPATCH);
export type EnvSpecificDetailsPOST = (DockerDetailsPOST | NativeEnvironmentDetailsPOST);
export type EnvVar = { key: string; value: string };
export type EnvVarGenerateValue = { generateValue: boolean };
export type EnvVarInput = (EnvVarKeyValue | EnvVarKeyGenerateValue);
export type EnvVarInputArray = (EnvVarInput)[];
export type EnvVarKeyGenerateValue = { key: string; generateValue: boolean };
export type EnvVarKeyValue = { key: string; value: string };
export type EnvVarValue = { value: string };
export type EnvVarWithCursor = { envVar: EnvVar; cursor: Cursor };
export type Environment = { id: string; name: string; projectId: string; databasesIds: (string)[]; ipAllowList?: (CidrBlockAndDescription)[]; redisIds: (string)[]; serviceIds: (string)[]; envGroupIds: (string)[]; protectedStatus: ProtectedStatus; networkIsolationEnabled: NetworkIsolationEnabled };
export type EnvironmentPATCHInput = { name?: string; networkIsolationEnabled?: NetworkIsolationEnabled; protectedStatus?: ProtectedStatus; ipAllowList?: (CidrBlockAndDescription)[] };
export type EnvironmentPOSTInput = { name: string; projectId: string; protectedStatus?: ProtectedStatus; networkIsolationEnabled?: NetworkIsolationEnabled; ipAllowList?: (CidrBlockAndDescription)[] };
export type EnvironmentResourcesPOSTInput = { resourceIds: (string)[] };
export type EnvironmentWithCursor = { environment: Environment; cursor: Cursor };
export type Error = { id?: string; message?: string; code?: string };
export type Event = { id: EventId; timestamp: string; serviceId: string; type: EventType; details: EventDetails };
export type EventDetails = (ServiceEventDetails | PostgresEventDetails | KeyValueEventDetails);
export type EventFilter = (EventType)[];
export type EventId = string;
export type EventStatus = "succeeded" | "failed" | "canceled";
export type EventType = "artifact_fetch_failed" | "artifact_source_changed" | "autoscaling_config_changed" | "autoscaling_ended" | "autoscaling_started" | "branch_deleted" | "build_ended" | "build_started" | "commit_ignored" | "cron_job_run_ended" | "cron_job_run_started" | "deploy_ended" | "deploy_started" | "disk_created" | "disk_updated" | "disk_deleted" | "image_pull_failed" | "instance_count_changed" | "job_run_ended" | "maintenance_mode_enabled" | "maintenance_mode_uri_updated" | "maintenance_ended" | "maintenance_started" | "pipeline_minutes_exhausted" | "plan_changed" | "pre_deploy_ended" | "pre_deploy_started" | "server_available" | "server_failed" | "server_hardware_failure" | "server_restarted" | "service_resumed" | "service_suspended" | "zero_downtime_redeploy_ended" | "zero_downtime_redeploy_started" | "edge_cache_enabled" | "edge_cache_disabled" | "edge_cache_purged" | "auto_deploy_disabled" | "auto_deploy_enabled" | "postgres_available" | "postgres_backup_completed" | "postgres_backup_failed" | "postgres_backup_started" | "postgres_cluster_leader_changed" | "postgres_connection_pool_changed" | "postgres_connection_pool_enabled_changed" | "postgres_created" | "postgres_disk_size_changed" | "postgres_disk_autoscaling_enabled_changed" | "postgres_ha_status_changed" | "postgres_restarted" | "postgres_unavailable" | "postgres_upgrade_failed" | "postgres_upgrade_started" | "postgres_upgrade_succeeded" | "postgres_restore_failed" | "postgres_restore_succeeded" | "postgres_read_replicas_changed" | "postgres_pitr_checkpoint_started" | "postgres_pitr_checkpoint_failed" | "postgres_pitr_checkpoint_completed" | "postgres_read_replica_stale" | "postgres_wal_archive_failed" | "key_value_available" | "key_value_config_restart" | "key_value_unhealthy";
export type FailureReason = { evicted: boolean; evictionReason?: string; nonZeroExit?: number; earlyExit?: boolean; oomKilled?: OomKilled; timedOutSeconds?: number; unhealthy?: string; timedOutReason?: string; canceled?: string; lost?: string; hostStopped?: string; diskFull?: string; startFailed?: string };
export type HeaderInput = { path: string; name: string; value: string };
export type Image = { ownerId: string; registryCredentialId?: string; imagePath: string };
export type ImagePullFailedEvent = { message: string; imageURL: string };
export type InitialDeployHookEndedEvent = { deployId: string };
export type InitialDeployHookStartedEvent = { deployId: string };
export type InstanceCountChangedEvent = { fromInstances: number; toInstances: number };
export type InternalRouting = "ipOnly";
export type Job = { id: JobId; serviceId: string; startCommand: string; planId: string; status?: JobStatus; createdAt: string; startedAt?: string; finishedAt?: string; exitCode?: number; signal?: string; reason?: FailureReason; timeoutSeconds?: number; statusReason?: string; queuePlace?: number };
export type JobId = string;
export type JobRunEndedEvent = { jobId: JobId; status: JobStatus; reason?: FailureReason };
export type JobStatus = "pending" | "running" | "succeeded" | "failed" | "canceled";
export type JobWithCursor = { job: Job; cursor: Cursor };
export type KeyValueAvailableEvent = Record<string, unknown>;
export type KeyValueConfigRestartEvent = { reason: string; message: string };
export type KeyValueEventDetails = (KeyValueAvailableEvent | KeyValueConfigRestartEvent | KeyValueUnhealthyEvent);
export type KeyValueUnhealthyEvent = Record<string, unknown>;
export type Label = { field: string; value: string };
export type Log = { id: string; message: string; timestamp: string; labels: (LogLabel)[]; stream?: "stdout" | "stderr"; service?: string };
export type LogDirection = "forward" | "backward";
export type LogLabel = { name: LogLabelName; value: string };
export type LogLabelName = "resource" | "instance" | "host" | "statusCode" | "method" | "level" | "workflowService" | "workflowVeresion" | "task" | "taskRun" | "sandbox" | "type" | "text" | "path" | "blocked";
export type LogStreamEndpoint = string;
export type LogStreamOwnerUpdate = { endpoint?: LogStreamEndpoint; token?: LogStreamToken; preview: LogStreamPreviewSetting };
export type LogStreamPreviewSetting = "send" | "drop";
export type LogStreamResourceUpdate = { endpoint?: LogStreamEndpoint; token?: LogStreamToken; setting: LogStreamSetting };
export type LogStreamSetting = "send" | "drop";
export type LogStreamToken = string;
export type MaintenanceEndedEvent = Record<string, unknown>;
export type MaintenanceMode = { enabled: boolean; uri: string };
export type MaintenanceModeEnabledEvent = { enabled: boolean };
export type MaintenanceModeURIUpdatedEvent = { fromURI: string; toURI: string };
export type MaintenanceStartedEvent = { trigger: MaintenanceTrigger };
export type MaintenanceTrigger = { user?: SchemasUser; manual: boolean; startedByRender: boolean };
export type MaxShutdownDelaySeconds = number;
export type NativeEnvironmentDetails = { buildCommand: string; startCommand: string; preDeployCommand?: string };
export type NativeEnvironmentDetailsPATCH = { buildCommand?: string; startCommand?: string };
export type NativeEnvironmentDetailsPOST = { buildCommand: string; startCommand: string };
export type NetworkIsolationEnabled = boolean;
export type NotificationOverride = { serviceId: string; previewNotificationsEnabled: NotifyPreviewOverride; notificationsToSend: NotifyOverride };
export type NotificationOverrideWithCursor = { override: NotificationOverride; cursor: Cursor };
export type NotificationServiceOverride = { serviceId: string; previewNotificationsEnabled: NotifyPreviewOverride; notificationsToSend: NotifyOverride };
export type NotificationServiceOverridePATCH = { previewNotificationsEnabled?: NotifyPreviewOverride; notificationsToSend?: NotifyOverride };
export type NotificationSetting = { ownerId: string; slackEnabled: boolean; emailEnabled: boolean; previewNotificationsEnabled: boolean; notificationsToSend: NotifySettingV2 };
export type NotificationSettingPATCH = { emailEnabled?: boolean; previewNotificationsEnabled?: boolean; notificationsToSend?: NotifySettingV2 };
export type NotifyOverride = "default" | "none" | "failure" | "all";
export type NotifyPreviewOverride = "default" | "false" | "true";
export type NotifySetting = "default" | "notify" | "ignore";
export type NotifySettingV2 = "none" | "failure" | "all";
export type OomKilled = { memoryLimit: string };
export type Owner = { id: string; name: string; email: string; ipAllowList?: (CidrBlockAndDescription)[]; twoFactorAuthEnabled?: boolean; type: "user" | "team" };
export type OwnerLogStreamSetting = { ownerId?: string; endpoint?: string; preview?: LogStreamPreviewSetting; status?: { lagSeconds: number; lastSuccessAt?: string; lastError?: string; lastErrorAt?: string } };
export type OwnerWithCursor = { owner?: Owner; cursor?: Cursor };
export type PaidPlan = "starter" | "standard" | "pro" | "pro_plus" | "pro_max" | "pro_ultra";
export type PipelineMinutesExhaustedEvent = { buildId: string; trigger: BuildDeployTrigger };
export type Plan = "starter" | "starter_plus" | "standard" | "standard_plus" | "pro" | "pro_plus" | "pro_max" | "pro_ultra" | "free" | "custom" | "starter_legacy" | "standard_legacy" | "standard_plus_legacy" | "pro_legacy" | "pro_plus_legacy";
export type PlanChangedEvent = { from: string; to: string };
export type PostgresAvailableEvent = Record<string, unknown>;
export type PostgresBackupCompletedEvent = Record<string, unknown>;
export type PostgresBackupFailedEvent = Record<string, unknown>;
export type PostgresBackupStartedEvent = Record<string, unknown>;
export type PostgresClusterLeaderChangedEvent = { leaderId?: string };
export type PostgresConnectionPoolChangedEvent = { user?: SchemasUser; from: string; to: string };
export type PostgresConnectionPoolEnabledChangedEvent = { user?: SchemasUser; enabled: boolean };
export type PostgresCreatedEvent = { user?: SchemasUser };
export type PostgresDiskSizeChangedEvent = { user?: SchemasUser; fromDiskSize: number; toDiskSize: number };
export type PostgresEventDetails = (PostgresAvailableEvent | PostgresBackupCompletedEvent | PostgresBackupFailedEvent | PostgresBackupStartedEvent | PostgresClusterLeaderChangedEvent | PostgresConnectionPoolChangedEvent | PostgresConnectionPoolEnabledChangedEvent | PostgresCreatedEvent | PostgresDiskSizeChangedEvent | PostgresHaStatusChangedEvent | PostgresReadReplicasChangedEvent | PostgresRestartedEvent | PostgresUnavailableEvent | PostgresUpgradeFailedEvent | PostgresUpgradeStartedEvent | PostgresUpgradeSucceededEvent | PostgresPITRCheckpointStartedEvent | PostgresPITRCheckpointFailedEvent | PostgresPITRCheckpointCompletedEvent | PostgresReadReplicaStale);
export type PostgresHaStatusChangedEvent = { fromStatus: string; toStatus: string };
export type PostgresPITRCheckpointCompletedEvent = Record<string, unknown>;
export type PostgresPITRCheckpointFailedEvent = Record<string, unknown>;
export type PostgresPITRCheckpointStartedEvent = Record<string, unknown>;
export type PostgresReadReplicaStale = Record<string, unknown>;
export type PostgresReadReplicasChangedEvent = { fromReplicas: number; toReplicas: number };
export type PostgresRestartedEvent = { user?: SchemasUser };
export type PostgresUnavailableEvent = Record<string, unknown>;
export type PostgresUpgradeFailedEvent = { fromVersion: string; toVersion: string };
export type PostgresUpgradeStartedEvent = { user?: SchemasUser; fromVersion: string; toVersion: string };
export type PostgresUpgradeSucceededEvent = { fromVersion: string; toVersion: string };
export type PreDeployEndedEvent = { deployCommandExecutionId: string; deployId: string; preDeployStatus: EventStatus; reason: BuildDeployEndReason; status: number };
export type PreDeployStartedEvent = { deployCommandExecutionId: string; deployId: string };
export type Previews = { generation: "off" | "manual" | "automatic" };
export type PrivateServiceDetails = { autoscaling?: AutoscalingConfig; disk?: Disk; env: ServiceEnv; envSpecificDetails: EnvSpecificDetails; numInstances: number; openPorts: (ServerPort)[]; parentServer?: Resource; plan: Plan; pullRequestPreviewsEnabled?: PullRequestPreviewsEnabled; previews?: Previews; region: Region; runtime: ServiceRuntime; sshAddress?: SshAddress; url: string; buildPlan: BuildPlan; maxShutdownDelaySeconds?: MaxShutdownDelaySeconds };
export type PrivateServiceDetailsPATCH = { envSpecificDetails?: EnvSpecificDetailsPATCH; plan?: PaidPlan; preDeployCommand?: string; pullRequestPreviewsEnabled?: PullRequestPreviewsEnabled; previews?: Previews; runtime?: ServiceRuntime; maxShutdownDelaySeconds?: MaxShutdownDelaySeconds };
export type PrivateServiceDetailsPOST = { artifactSourceId?: ArtifactSourceId; autoscaling?: AutoscalingConfig; disk?: ServiceDisk; env?: ServiceEnv; runtime: ServiceRuntime; envSpecificDetails?: EnvSpecificDetailsPOST; numInstances: number; plan?: PaidPlan; preDeployCommand?: string; pullRequestPreviewsEnabled?: PullRequestPreviewsEnabled; previews?: Previews; region?: Region; maxShutdownDelaySeconds?: MaxShutdownDelaySeconds };
export type Project = { id: string; createdAt: string; updatedAt: string; name: string; owner: Owner; environmentIds: (string)[] };
export type ProjectPATCHInput = { name?: string };
export type ProjectPOSTEnvironmentInput = { name: string; protectedStatus?: ProtectedStatus; networkIsolationEnabled?: NetworkIsolationEnabled; ipAllowList?: (CidrBlockAndDescription)[] };
export type ProjectPOSTInput = { name: string; ownerId: string; environments: (ProjectPOSTEnvironmentInput)[] };
export type ProjectWithCursor = { project: Project; cursor: Cursor };
export type ProtectedStatus = "unprotected" | "protected";
export type PullRequestPreviewsEnabled = "yes" | "no";
export type Region = "frankfurt" | "oregon" | "ohio" | "singapore" | "virginia";
export type RegistryCredential = { id: string; name: string; registry: RegistryCredentialRegistry; username: string; updatedAt: string };
export type RegistryCredentialRegistry = "GITHUB" | "GITLAB" | "DOCKER" | "GOOGLE_ARTIFACT" | "AWS_ECR";
export type RegistryCredentialSummary = { id: string; name: string };
export type RenderSubdomainPolicy = "enabled" | "disabled";
export type Resource = { id: string; name: string };
export type ResourceLogStreamSetting = { resourceId?: string; endpoint?: string; setting?: LogStreamSetting };
export type RoutePost = { type: RouteType; source: string; destination: string; priority?: number };
export type RouteType = "redirect" | "rewrite";
export type SchemasInstanceId = string;
export type SchemasUser = { id: string; email: string };
export type SecretFile = { name: string; content: string };
export type SecretFileInput = { name: string; content: string };
export type SecretFileWithCursor = { secretFile: SecretFile; cursor: Cursor };
export type ServerAvailableEvent = Record<string, unknown>;
export type ServerFailedEvent = { instanceID?: SchemasInstanceId; reason?: FailureReason };
export type ServerHardwareFailureEvent = Record<string, unknown>;
export type ServerPort = { port: number; protocol: "TCP" | "UDP" };
export type ServerRestartedEvent = { triggeredByUser: (string | null) };
export type Service = { id: string; artifactSourceId?: ArtifactSourceId; autoDeploy: AutoDeploy; autoDeployTrigger?: AutoDeployTrigger; branch?: string; buildFilter?: BuildFilter; createdAt: string; dashboardUrl: string; environmentId?: string; imagePath?: string; name: string; notifyOnFail: NotifySetting; ownerId: string; registryCredential?: RegistryCredentialSummary; repo?: string; rootDir: string; slug: string; suspended: "suspended" | "not_suspended"; suspenders: (SuspenderType)[]; type: ServiceType; updatedAt: string; serviceDetails: (StaticSiteDetails | WebServiceDetails | PrivateServiceDetails | BackgroundWorkerDetails | CronJobDetails); maskSecrets?: boolean };
export type ServiceAndDeploy = { service?: Service; deployId?: string };
export type ServiceDisk = { name: string; mountPath: string; sizeGB?: number };
export type ServiceEnv = "docker" | "elixir" | "go" | "node" | "python" | "ruby" | "rust" | "image";
export type ServiceEvent = { id: EventId; timestamp: string; serviceId: string; type: ServiceEventType; details: ServiceEventDetails };
export type ServiceEventDetails = (ArtifactFetchFailedEvent | ArtifactSourceChangedEvent | AutoscalingConfigChangedEvent | AutoscalingEndedEvent | AutoscalingStartedEvent | BranchDeletedEvent | BuildEndedEvent | BuildStartedEvent | CommitIgnoredEvent | CronJobRunEndedEvent | CronJobRunStartedEvent | DeployEndedEvent | DeployStartedEvent | DiskCreatedEvent | DiskUpdatedEvent | DiskDeletedEvent | ImagePullFailedEvent | InitialDeployHookStartedEvent | InitialDeployHookEndedEvent | InstanceCountChangedEvent | JobRunEndedEvent | MaintenanceModeEnabledEvent | MaintenanceModeURIUpdatedEvent | MaintenanceEndedEvent | MaintenanceStartedEvent | PipelineMinutesExhaustedEvent | PlanChangedEvent | PreDeployEndedEvent | PreDeployStartedEvent | ServerAvailableEvent | ServerFailedEvent | ServerHardwareFailureEvent | ServerRestartedEvent | ServiceResumedEvent | ServiceSuspendedEvent | SuspenderAddedEvent | SuspenderRemovedEvent | ZeroDowntimeRedeployEndedEvent | ZeroDowntimeRedeployStartedEvent | EdgeCacheDisabledEvent | EdgeCacheEnabledEvent | EdgeCachePurgedEvent | AutoDeployDisabledEvent | AutoDeployEnabledEvent);
export type ServiceEventType = "artifact_fetch_failed" | "artifact_source_changed" | "autoscaling_config_changed" | "autoscaling_ended" | "autoscaling_started" | "branch_deleted" | "build_ended" | "build_started" | "commit_ignored" | "cron_job_run_ended" | "cron_job_run_started" | "deploy_ended" | "deploy_started" | "disk_created" | "disk_updated" | "disk_deleted" | "image_pull_failed" | "initial_deploy_hook_ended" | "initial_deploy_hook_started" | "instance_count_changed" | "job_run_ended" | "maintenance_mode_enabled" | "maintenance_mode_uri_updated" | "maintenance_ended" | "maintenance_started" | "pipeline_minutes_exhausted" | "plan_changed" | "pre_deploy_ended" | "pre_deploy_started" | "server_available" | "server_failed" | "server_hardware_failure" | "server_restarted" | "service_resumed" | "service_suspended" | "suspender_added" | "suspender_removed" | "zero_downtime_redeploy_ended" | "zero_downtime_redeploy_started" | "auto_deploy_disabled" | "auto_deploy_enabled";
export type ServiceEventWithCursor = { event: ServiceEvent; cursor?: string };
export type ServiceInstance = { id: string; createdAt: string };
export type ServiceList = (ServiceWithCursor)[];
export type ServicePATCH = { artifactSourceId?: ArtifactSourceId; artifactId?: string; autoDeploy?: AutoDeploy; autoDeployTrigger?: AutoDeployTrigger; repo?: string; branch?: string; image?: Image; name?: string; buildFilter?: BuildFilter; rootDir?: string; serviceDetails?: (StaticSiteDetailsPATCH | WebServiceDetailsPATCH | PrivateServiceDetailsPATCH | BackgroundWorkerDetailsPATCH | CronJobDetailsPATCH); maskSecrets?: boolean };
export type ServicePOST = { type: ServiceType; name: string; ownerId: string; repo?: string; autoDeploy?: AutoDeploy; autoDeployTrigger?: AutoDeployTrigger; branch?: string; image?: Image; buildFilter?: BuildFilter; rootDir?: string; envVars?: EnvVarInputArray; secretFiles?: (SecretFileInput)[]; environmentId?: string; serviceDetails?: (StaticSiteDetailsPOST | WebServiceDetailsPOST | PrivateServiceDetailsPOST | BackgroundWorkerDetailsPOST | CronJobDetailsPOST); maskSecrets?: boolean };
export type ServiceResumedEvent = Record<string, unknown>;
export type ServiceRuntime = "docker" | "elixir" | "go" | "node" | "python" | "ruby" | "rust" | "image";
export type ServiceSuspendedEvent = Record<string, unknown>;
export type ServiceType = "static_site" | "web_service" | "private_service" | "background_worker" | "cron_job";
export type ServiceTypeShort = "static" | "web" | "pserv" | "worker" | "cron";
export type ServiceWithCursor = { service: Service; cursor: Cursor };
export type SshAddress = string;
export type StaticSiteDetails = { buildCommand: string; ipAllowList?: (CidrBlockAndDescription)[]; parentServer?: Resource; publishPath: string; pullRequestPreviewsEnabled?: PullRequestPreviewsEnabled; previews?: Previews; url: string; buildPlan: BuildPlan; renderSubdomainPolicy?: RenderSubdomainPolicy };
export type StaticSiteDetailsPATCH = { buildCommand?: string; publishPath?: string; pullRequestPreviewsEnabled?: PullRequestPreviewsEnabled; previews?: Previews; renderSubdomainPolicy?: RenderSubdomainPolicy; ipAllowList?: (CidrBlockAndDescription)[] };
export type StaticSiteDetailsPOST = { buildCommand?: string; headers?: (HeaderInput)[]; publishPath?: string; pullRequestPreviewsEnabled?: PullRequestPreviewsEnabled; previews?: Previews; routes?: (RoutePost)[]; renderSubdomainPolicy?: RenderSubdomainPolicy; ipAllowList?: (CidrBlockAndDescription)[] };
export type SuspenderAddedEvent = { actor: string; suspendedByUser?: SchemasUser };
export type SuspenderRemovedEvent = { actor: string; resumedByUser?: SchemasUser };
export type SuspenderType = "admin" | "billing" | "user" | "parent_service" | "stuck_crashlooping" | "hipaa_enablement" | "unknown";
export type TeamMember = { userId: string; name: string; email: string; status: "active" | "inactive"; role: TeamMemberRole; mfaEnabled: boolean };
export type TeamMemberRole = "ADMIN" | "DEVELOPER" | "WORKSPACE_CONTRIBUTOR" | "WORKSPACE_BILLING" | "WORKSPACE_VIEWER";
export type TeamMembers = (TeamMember)[];
export type TimeSeries = { labels: (Label)[]; values: (TimeSeriesValue)[]; unit: Unit };
export type TimeSeriesCollection = (TimeSeries)[];
export type TimeSeriesValue = { timestamp: string; value: number };
export type Unit = string;
export type User = { email: string; name: string };
export type WebServiceDetails = { autoscaling?: AutoscalingConfig; cache?: Cache; disk?: Disk; env: ServiceEnv; envSpecificDetails: EnvSpecificDetails; healthCheckPath: string; ipAllowList?: (CidrBlockAndDescription)[]; maintenanceMode?: MaintenanceMode; numInstances: number; openPorts: (ServerPort)[]; parentServer?: Resource; plan: Plan; internalRouting?: InternalRouting; pullRequestPreviewsEnabled?: PullRequestPreviewsEnabled; previews?: Previews; region: Region; runtime: ServiceRuntime; sshAddress?: SshAddress; url: string; buildPlan: BuildPlan; maxShutdownDelaySeconds?: MaxShutdownDelaySeconds; renderSubdomainPolicy?: RenderSubdomainPolicy };
export type WebServiceDetailsPATCH = { envSpecificDetails?: EnvSpecificDetailsPATCH; healthCheckPath?: string; maintenanceMode?: MaintenanceMode; plan?: Plan; preDeployCommand?: string; pullRequestPreviewsEnabled?: PullRequestPreviewsEnabled; previews?: Previews; runtime?: ServiceRuntime; maxShutdownDelaySeconds?: MaxShutdownDelaySeconds; renderSubdomainPolicy?: RenderSubdomainPolicy; ipAllowList?: (CidrBlockAndDescription)[]; cache?: Cache };
export type WebServiceDetailsPOST = { artifactSourceId?: ArtifactSourceId; autoscaling?: AutoscalingConfig; disk?: ServiceDisk; env?: ServiceEnv; runtime: ServiceRuntime; envSpecificDetails?: EnvSpecificDetailsPOST; healthCheckPath?: string; maintenanceMode?: MaintenanceMode; numInstances?: number; internalRouting?: InternalRouting; plan: Plan; preDeployCommand?: string; pullRequestPreviewsEnabled?: PullRequestPreviewsEnabled; previews?: Previews; region?: Region; maxShutdownDelaySeconds?: MaxShutdownDelaySeconds; renderSubdomainPolicy?: RenderSubdomainPolicy; ipAllowList?: (CidrBlockAndDescription)[] };
export type Webhook = { id: WebhookId; url: string; name: string; secret: string; enabled: boolean; eventFilter: EventFilter };
export type WebhookEvent = { id: string; eventId: string; eventType: EventType; sentAt: string; statusCode?: number; responseBody?: string; error?: string };
export type WebhookEventWithCursor = { webhookEvent: WebhookEvent; cursor: Cursor };
export type WebhookId = string;
export type WebhookPATCHInput = { name?: string; url?: string; enabled?: boolean; eventFilter?: EventFilter };
export type WebhookPOSTInput = { ownerId: string; url: string; name: string; enabled: boolean; eventFilter: EventFilter };
export type WebhookWithCursor = { webhook: Webhook; cursor: Cursor };
export type ZeroDowntimeRedeployEndedEvent = Record<string, unknown>;
export type ZeroDowntimeRedeployStartedEvent = { trigger: string };
export type ApiKey = { id: string; name: string; role: "admin" | "developer" | "viewer"; prefix: string; createdAt: string; lastUsedAt?: string; revokedAt?: string };
export type ApiKeyWithSecret = { apiKey: ApiKey; key: string };
export type Workspace = { id: string; name: string; email: string; createdAt: string };
export type WorkspaceWithKey = { workspace: Workspace; apiKey: ApiKey; key: string };
export type RepositoryCredential = { type: "none" | "token" | "sshKey"; username?: string; hostKey?: "given" | "remembered" | "unknown" };
export type AuditEntry = { id: string; timestamp: string; keyId: string; keyName?: string; action: string; target?: string; status: number; ipAddress: string; requestId: string; message?: string };

/** Every operation of the contract by its operationId. */
export interface Operations {
  "list-disks": {
    method: "GET";
    path: "/disks";
    params: Record<never, never>;
    query: { ownerId?: (string)[]; diskId?: (DiskId)[]; name?: (string)[]; createdBefore?: string; createdAfter?: string; updatedBefore?: string; updatedAfter?: string; serviceId?: (string)[]; cursor?: string; limit?: number };
    body: undefined;
    answer: (DiskWithCursor)[];
  };
  "add-disk": {
    method: "POST";
    path: "/disks";
    params: Record<never, never>;
    query: Record<never, never>;
    body: DiskPOST;
    answer: DiskDetails;
  };
  "retrieve-disk": {
    method: "GET";
    path: "/disks/{diskId}";
    params: { diskId: DiskId };
    query: Record<never, never>;
    body: undefined;
    answer: DiskDetails;
  };
  "update-disk": {
    method: "PATCH";
    path: "/disks/{diskId}";
    params: { diskId: DiskId };
    query: Record<never, never>;
    body: DiskPATCH;
    answer: DiskDetails;
  };
  "delete-disk": {
    method: "DELETE";
    path: "/disks/{diskId}";
    params: { diskId: DiskId };
    query: Record<never, never>;
    body: undefined;
    answer: undefined;
  };
  "get-user": {
    method: "GET";
    path: "/users";
    params: Record<never, never>;
    query: Record<never, never>;
    body: undefined;
    answer: User;
  };
  "list-owners": {
    method: "GET";
    path: "/owners";
    params: Record<never, never>;
    query: { name?: (string)[]; email?: (string)[]; cursor?: string; limit?: number };
    body: undefined;
    answer: (OwnerWithCursor)[];
  };
  "retrieve-owner": {
    method: "GET";
    path: "/owners/{ownerId}";
    params: { ownerId: string };
    query: Record<never, never>;
    body: undefined;
    answer: Owner;
  };
  "retrieve-owner-members": {
    method: "GET";
    path: "/owners/{ownerId}/members";
    params: { ownerId: string };
    query: Record<never, never>;
    body: undefined;
    answer: TeamMembers;
  };
  "retrieve-owner-notification-settings": {
    method: "GET";
    path: "/notification-settings/owners/{ownerId}";
    params: { ownerId: string };
    query: Record<never, never>;
    body: undefined;
    answer: NotificationSetting;
  };
  "patch-owner-notification-settings": {
    method: "PATCH";
    path: "/notification-settings/owners/{ownerId}";
    params: { ownerId: string };
    query: Record<never, never>;
    body: NotificationSettingPATCH;
    answer: NotificationSetting;
  };
  "list-notification-overrides": {
    method: "GET";
    path: "/notification-settings/overrides";
    params: Record<never, never>;
    query: { ownerId?: (string)[]; serviceId?: (string)[]; cursor?: string; limit?: number };
    body: undefined;
    answer: (NotificationOverrideWithCursor)[];
  };
  "retrieve-service-notification-overrides": {
    method: "GET";
    path: "/notification-settings/overrides/services/{serviceId}";
    params: { serviceId: string };
    query: Record<never, never>;
    body: undefined;
    answer: NotificationServiceOverride;
  };
  "patch-service-notification-overrides": {
    method: "PATCH";
    path: "/notification-settings/overrides/services/{serviceId}";
    params: { serviceId: string };
    query: Record<never, never>;
    body: NotificationServiceOverridePATCH;
    answer: NotificationServiceOverride;
  };
  "list-registry-credentials": {
    method: "GET";
    path: "/registrycredentials";
    params: Record<never, never>;
    query: { name?: (string)[]; username?: (string)[]; type?: (RegistryCredentialRegistry)[]; createdBefore?: string; createdAfter?: string; updatedBefore?: string; updatedAfter?: string; ownerId?: (string)[]; cursor?: string; limit?: number };
    body: undefined;
    answer: (RegistryCredential)[];
  };
  "create-registry-credential": {
    method: "POST";
    path: "/registrycredentials";
    params: Record<never, never>;
    query: Record<never, never>;
    body: { registry: RegistryCredentialRegistry; name: string; username: string; authToken: string; ownerId: string };
    answer: RegistryCredential;
  };
  "retrieve-registry-credential": {
    method: "GET";
    path: "/registrycredentials/{registryCredentialId}";
    params: { registryCredentialId: string };
    query: Record<never, never>;
    body: undefined;
    answer: RegistryCredential;
  };
  "update-registry-credential": {
    method: "PATCH";
    path: "/registrycredentials/{registryCredentialId}";
    params: { registryCredentialId: string };
    query: Record<never, never>;
    body: { registry: RegistryCredentialRegistry; name: string; username: string; authToken: string };
    answer: RegistryCredential;
  };
  "delete-registry-credential": {
    method: "DELETE";
    path: "/registrycredentials/{registryCredentialId}";
    params: { registryCredentialId: string };
    query: Record<never, never>;
    body: undefined;
    answer: undefined;
  };
  "list-services": {
    method: "GET";
    path: "/services";
    params: Record<never, never>;
    query: { name?: (string)[]; type?: (ServiceType)[]; environmentId?: (string)[]; env?: (ServiceRuntime)[]; region?: (Region)[]; suspended?: ("suspended" | "not_suspended")[]; createdBefore?: string; createdAfter?: string; updatedBefore?: string; updatedAfter?: string; ownerId?: (string)[]; includePreviews?: boolean; cursor?: string; limit?: number };
    body: undefined;
    answer: ServiceList;
  };
  "create-service": {
    method: "POST";
    path: "/services";
    params: Record<never, never>;
    query: Record<never, never>;
    body: ServicePOST;
    answer: ServiceAndDeploy;
  };
  "retrieve-service": {
    method: "GET";
    path: "/services/{serviceId}";
    params: { serviceId: string };
    query: Record<never, never>;
    body: undefined;
    answer: Service;
  };
  "update-service": {
    method: "PATCH";
    path: "/services/{serviceId}";
    params: { serviceId: string };
    query: Record<never, never>;
    body: ServicePATCH;
    answer: Service;
  };
  "delete-service": {
    method: "DELETE";
    path: "/services/{serviceId}";
    params: { serviceId: string };
    query: Record<never, never>;
    body: undefined;
    answer: undefined;
  };
  "list-deploys": {
    method: "GET";
    path: "/services/{serviceId}/deploys";
    params: { serviceId: string };
    query: { status?: (DeployStatus)[]; createdBefore?: string; createdAfter?: string; updatedBefore?: string; updatedAfter?: string; finishedBefore?: string; finishedAfter?: string; cursor?: string; limit?: number };
    body: undefined;
    answer: DeployList;
  };
  "create-deploy": {
    method: "POST";
    path: "/services/{serviceId}/deploys";
    params: { serviceId: string };
    query: Record<never, never>;
    body: { artifactId?: string; clearCache?: "clear" | "do_not_clear"; commitId?: string; imageUrl?: string; deployMode?: DeployMode };
    answer: Deploy | undefined;
  };
  "retrieve-deploy": {
    method: "GET";
    path: "/services/{serviceId}/deploys/{deployId}";
    params: { serviceId: string; deployId: string };
    query: Record<never, never>;
    body: undefined;
    answer: Deploy;
  };
  "cancel-deploy": {
    method: "POST";
    path: "/services/{serviceId}/deploys/{deployId}/cancel";
    params: { serviceId: string; deployId: string };
    query: Record<never, never>;
    body: undefined;
    answer: Deploy;
  };
  "rollback-deploy": {
    method: "POST";
    path: "/services/{serviceId}/rollback";
    params: { serviceId: string };
    query: Record<never, never>;
    body: { deployId: string };
    answer: Deploy;
  };
  "create-ephemeral-shell": {
    method: "POST";
    path: "/services/{serviceId}/ephemeral-shell";
    params: { serviceId: string };
    query: Record<never, never>;
    body: { plan?: string; size?: string };
    answer: { id?: string };
  };
  "get-env-vars-for-service": {
    method: "GET";
    path: "/services/{serviceId}/env-vars";
    params: { serviceId: string };
    query: { cursor?: string; limit?: number };
    body: undefined;
    answer: (EnvVarWithCursor)[];
  };
  "update-env-vars-for-service": {
    method: "PUT";
    path: "/services/{serviceId}/env-vars";
    params: { serviceId: string };
    query: Record<never, never>;
    body: EnvVarInputArray;
    answer: (EnvVarWithCursor)[];
  };
  "retrieve-env-var": {
    method: "GET";
    path: "/services/{serviceId}/env-vars/{envVarKey}";
    params: { serviceId: string; envVarKey: string };
    query: Record<never, never>;
    body: undefined;
    answer: EnvVar;
  };
  "update-env-var": {
    method: "PUT";
    path: "/services/{serviceId}/env-vars/{envVarKey}";
    params: { serviceId: string; envVarKey: string };
    query: Record<never, never>;
    body: AddUpdateEnvVarInput;
    answer: EnvVar;
  };
  "delete-env-var": {
    method: "DELETE";
    path: "/services/{serviceId}/env-vars/{envVarKey}";
    params: { serviceId: string; envVarKey: string };
    query: Record<never, never>;
    body: undefined;
    answer: undefined;
  };
  "list-secret-files-for-service": {
    method: "GET";
    path: "/services/{serviceId}/secret-files";
    params: { serviceId: string };
    query: { cursor?: string; limit?: number };
    body: undefined;
    answer: (SecretFileWithCursor)[];
  };
  "update-secret-files-for-service": {
    method: "PUT";
    path: "/services/{serviceId}/secret-files";
    params: { serviceId: string };
    query: Record<never, never>;
    body: (SecretFileInput)[];
    answer: (SecretFileWithCursor)[];
  };
  "retrieve-secret-file": {
    method: "GET";
    path: "/services/{serviceId}/secret-files/{envVarKey}";
    params: { serviceId: string; envVarKey: string };
    query: Record<never, never>;
    body: undefined;
    answer: SecretFile;
  };
  "add-or-update-secret-file": {
    method: "PUT";
    path: "/services/{serviceId}/secret-files/{envVarKey}";
    params: { serviceId: string; envVarKey: string };
    query: Record<never, never>;
    body: { content?: string };
    answer: SecretFile;
  };
  "delete-secret-file": {
    method: "DELETE";
    path: "/services/{serviceId}/secret-files/{envVarKey}";
    params: { serviceId: string; envVarKey: string };
    query: Record<never, never>;
    body: undefined;
    answer: undefined;
  };
  "list-events": {
    method: "GET";
    path: "/services/{serviceId}/events";
    params: { serviceId: string };
    query: { type?: ServiceEventType; startTime?: string; endTime?: string; cursor?: string; limit?: number };
    body: undefined;
    answer: (ServiceEventWithCursor)[];
  };
  "list-custom-domains": {
    method: "GET";
    path: "/services/{serviceId}/custom-domains";
    params: { serviceId: string };
    query: { cursor?: string; limit?: number; name?: (string)[]; domainType?: "apex" | "subdomain"; verificationStatus?: "verified" | "unverified"; createdBefore?: string; createdAfter?: string };
    body: undefined;
    answer: (CustomDomainWithCursor)[];
  };
  "create-custom-domain": {
    method: "POST";
    path: "/services/{serviceId}/custom-domains";
    params: { serviceId: string };
    query: Record<never, never>;
    body: { name: string };
    answer: (CustomDomain)[];
  };
  "retrieve-custom-domain": {
    method: "GET";
    path: "/services/{serviceId}/custom-domains/{customDomainNameOrID}";
    params: { serviceId: string; customDomainNameOrID: string };
    query: Record<never, never>;
    body: undefined;
    answer: CustomDomain;
  };
  "delete-custom-domain": {
    method: "DELETE";
    path: "/services/{serviceId}/custom-domains/{customDomainNameOrID}";
    params: { serviceId: string; customDomainNameOrID: string };
    query: Record<never, never>;
    body: undefined;
    answer: undefined;
  };
  "refresh-custom-domain": {
    method: "POST";
    path: "/services/{serviceId}/custom-domains/{customDomainNameOrID}/verify";
    params: { serviceId: string; customDomainNameOrID: string };
    query: Record<never, never>;
    body: undefined;
    answer: undefined;
  };
  "suspend-service": {
    method: "POST";
    path: "/services/{serviceId}/suspend";
    params: { serviceId: string };
    query: Record<never, never>;
    body: undefined;
    answer: undefined;
  };
  "resume-service": {
    method: "POST";
    path: "/services/{serviceId}/resume";
    params: { serviceId: string };
    query: Record<never, never>;
    body: undefined;
    answer: undefined;
  };
  "restart-service": {
    method: "POST";
    path: "/services/{serviceId}/restart";
    params: { serviceId: string };
    query: Record<never, never>;
    body: undefined;
    answer: undefined;
  };
  "scale-service": {
    method: "POST";
    path: "/services/{serviceId}/scale";
    params: { serviceId: string };
    query: Record<never, never>;
    body: { numInstances: number };
    answer: undefined;
  };
  "autoscale-service": {
    method: "PUT";
    path: "/services/{serviceId}/autoscaling";
    params: { serviceId: string };
    query: Record<never, never>;
    body: AutoscalingConfig;
    answer: AutoscalingConfig;
  };
  "delete-autoscaling-config": {
    method: "DELETE";
    path: "/services/{serviceId}/autoscaling";
    params: { serviceId: string };
    query: Record<never, never>;
    body: undefined;
    answer: undefined;
  };
  "list-job": {
    method: "GET";
    path: "/services/{serviceId}/jobs";
    params: { serviceId: string };
    query: { cursor?: string; limit?: number; status?: (JobStatus)[]; createdBefore?: string; createdAfter?: string; startedBefore?: string; startedAfter?: string; finishedBefore?: string; finishedAfter?: string };
    body: undefined;
    answer: (JobWithCursor)[];
  };
  "post-job": {
    method: "POST";
    path: "/services/{serviceId}/jobs";
    params: { serviceId: string };
    query: Record<never, never>;
    body: { startCommand: string; planId?: string; timeoutSeconds?: number };
    answer: Job;
  };
  "retrieve-job": {
    method: "GET";
    path: "/services/{serviceId}/jobs/{jobId}";
    params: { serviceId: string; jobId: JobId };
    query: Record<never, never>;
    body: undefined;
    answer: Job;
  };
  "cancel-job": {
    method: "POST";
    path: "/services/{serviceId}/jobs/{jobId}/cancel";
    params: { serviceId: string; jobId: JobId };
    query: Record<never, never>;
    body: undefined;
    answer: Job;
  };
  "list-instances": {
    method: "GET";
    path: "/services/{serviceId}/instances";
    params: { serviceId: string };
    query: Record<never, never>;
    body: undefined;
    answer: (ServiceInstance)[];
  };
  "run-cron-job": {
    method: "POST";
    path: "/cron-jobs/{cronJobId}/runs";
    params: { cronJobId: string };
    query: Record<never, never>;
    body: undefined;
    answer: CronJobRun;
  };
  "cancel-cron-job-run": {
    method: "DELETE";
    path: "/cron-jobs/{cronJobId}/runs";
    params: { cronJobId: string };
    query: Record<never, never>;
    body: undefined;
    answer: undefined;
  };
  "retrieve-event": {
    method: "GET";
    path: "/events/{eventId}";
    params: { eventId: EventId };
    query: Record<never, never>;
    body: undefined;
    answer: Event;
  };
  "list-logs": {
    method: "GET";
    path: "/logs";
    params: Record<never, never>;
    query: { ownerId: string; startTime?: string; endTime?: string; direction?: LogDirection; resource: (string)[]; instance?: (string)[]; host?: (string)[]; statusCode?: (string)[]; method?: (string)[]; task?: (string)[]; taskRun?: (string)[]; sandbox?: (string)[]; level?: (string)[]; type?: (string)[]; text?: (string)[]; path?: (string)[]; limit?: number };
    body: undefined;
    answer: { hasMore: boolean; nextStartTime: string; nextEndTime: string; logs: (Log)[] };
  };
  "subscribe-logs": {
    method: "GET";
    path: "/logs/subscribe";
    params: Record<never, never>;
    query: { ownerId: string; startTime?: string; endTime?: string; direction?: LogDirection; resource: (string)[]; instance?: (string)[]; host?: (string)[]; statusCode?: (string)[]; method?: (string)[]; task?: (string)[]; taskRun?: (string)[]; sandbox?: (string)[]; level?: (string)[]; type?: (string)[]; text?: (string)[]; path?: (string)[]; limit?: number; after?: string };
    body: undefined;
    answer: undefined;
  };
  "list-logs-values": {
    method: "GET";
    path: "/logs/values";
    params: Record<never, never>;
    query: { ownerId: string; label: "instance" | "host" | "statusCode" | "method" | "level" | "type"; startTime?: string; endTime?: string; direction?: LogDirection; resource: (string)[]; instance?: (string)[]; host?: (string)[]; statusCode?: (string)[]; method?: (string)[]; task?: (string)[]; taskRun?: (string)[]; sandbox?: (string)[]; level?: (string)[]; type?: (string)[]; text?: (string)[]; path?: (string)[]; limit?: number };
    body: undefined;
    answer: (string)[];
  };
  "get-owner-log-stream": {
    method: "GET";
    path: "/logs/streams/owner/{ownerId}";
    params: { ownerId: string };
    query: Record<never, never>;
    body: undefined;
    answer: OwnerLogStreamSetting;
  };
  "update-owner-log-stream": {
    method: "PUT";
    path: "/logs/streams/owner/{ownerId}";
    params: { ownerId: string };
    query: Record<never, never>;
    body: LogStreamOwnerUpdate;
    answer: OwnerLogStreamSetting;
  };
  "delete-owner-log-stream": {
    method: "DELETE";
    path: "/logs/streams/owner/{ownerId}";
    params: { ownerId: string };
    query: Record<never, never>;
    body: undefined;
    answer: undefined;
  };
  "list-resource-log-streams": {
    method: "GET";
    path: "/logs/streams/resource";
    params: Record<never, never>;
    query: { ownerId?: (string)[]; logStreamId?: (string)[]; resourceId?: (string)[]; setting?: (LogStreamSetting)[]; cursor?: string; limit?: number };
    body: undefined;
    answer: (ResourceLogStreamSetting)[];
  };
  "get-resource-log-stream": {
    method: "GET";
    path: "/logs/streams/resource/{resourceId}";
    params: { resourceId: string };
    query: Record<never, never>;
    body: undefined;
    answer: ResourceLogStreamSetting;
  };
  "update-resource-log-stream": {
    method: "PUT";
    path: "/logs/streams/resource/{resourceId}";
    params: { resourceId: string };
    query: Record<never, never>;
    body: LogStreamResourceUpdate;
    answer: ResourceLogStreamSetting;
  };
  "delete-resource-log-stream": {
    method: "DELETE";
    path: "/logs/streams/resource/{resourceId}";
    params: { resourceId: string };
    query: Record<never, never>;
    body: undefined;
    answer: undefined;
  };
  "get-cpu": {
    method: "GET";
    path: "/metrics/cpu";
    params: Record<never, never>;
    query: { startTime?: string; endTime?: string; resolutionSeconds?: number; resource?: string; service?: string; instance?: string; aggregationMethod?: "AVG" | "MAX" | "MIN" };
    body: undefined;
    answer: TimeSeriesCollection;
  };
  "get-cpu-limit": {
    method: "GET";
    path: "/metrics/cpu-limit";
    params: Record<never, never>;
    query: { startTime?: string; endTime?: string; resolutionSeconds?: number; resource?: string; service?: string; instance?: string };
    body: undefined;
    answer: TimeSeriesCollection;
  };
  "get-memory": {
    method: "GET";
    path: "/metrics/memory";
    params: Record<never, never>;
    query: { startTime?: string; endTime?: string; resolutionSeconds?: number; resource?: string; service?: string; instance?: string };
    body: undefined;
    answer: TimeSeriesCollection;
  };
  "get-memory-limit": {
    method: "GET";
    path: "/metrics/memory-limit";
    params: Record<never, never>;
    query: { startTime?: string; endTime?: string; resolutionSeconds?: number; resource?: string; service?: string; instance?: string };
    body: undefined;
    answer: TimeSeriesCollection;
  };
  "list-projects": {
    method: "GET";
    path: "/projects";
    params: Record<never, never>;
    query: { name?: (string)[]; createdBefore?: string; createdAfter?: string; updatedBefore?: string; updatedAfter?: string; ownerId?: (string)[]; cursor?: string; limit?: number };
    body: undefined;
    answer: (ProjectWithCursor)[];
  };
  "create-project": {
    method: "POST";
    path: "/projects";
    params: Record<never, never>;
    query: Record<never, never>;
    body: ProjectPOSTInput;
    answer: Project;
  };
  "retrieve-project": {
    method: "GET";
    path: "/projects/{projectId}";
    params: { projectId: string };
    query: Record<never, never>;
    body: undefined;
    answer: Project;
  };
  "update-project": {
    method: "PATCH";
    path: "/projects/{projectId}";
    params: { projectId: string };
    query: Record<never, never>;
    body: ProjectPATCHInput;
    answer: Project;
  };
  "delete-project": {
    method: "DELETE";
    path: "/projects/{projectId}";
    params: { projectId: string };
    query: Record<never, never>;
    body: undefined;
    answer: undefined;
  };
  "list-environments": {
    method: "GET";
    path: "/environments";
    params: Record<never, never>;
    query: { name?: (string)[]; projectId: (string)[]; createdBefore?: string; createdAfter?: string; updatedBefore?: string; updatedAfter?: string; ownerId?: (string)[]; environmentId?: (string)[]; cursor?: string; limit?: number };
    body: undefined;
    answer: (EnvironmentWithCursor)[];
  };
  "create-environment": {
    method: "POST";
    path: "/environments";
    params: Record<never, never>;
    query: Record<never, never>;
    body: EnvironmentPOSTInput;
    answer: Environment;
  };
  "retrieve-environment": {
    method: "GET";
    path: "/environments/{environmentId}";
    params: { environmentId: string };
    query: Record<never, never>;
    body: undefined;
    answer: Environment;
  };
  "update-environment": {
    method: "PATCH";
    path: "/environments/{environmentId}";
    params: { environmentId: string };
    query: Record<never, never>;
    body: EnvironmentPATCHInput;
    answer: Environment;
  };
  "delete-environment": {
    method: "DELETE";
    path: "/environments/{environmentId}";
    params: { environmentId: string };
    query: Record<never, never>;
    body: undefined;
    answer: undefined;
  };
  "add-resources-to-environment": {
    method: "POST";
    path: "/environments/{environmentId}/resources";
    params: { environmentId: string };
    query: Record<never, never>;
    body: EnvironmentResourcesPOSTInput;
    answer: Environment;
  };
  "remove-resources-from-environment": {
    method: "DELETE";
    path: "/environments/{environmentId}/resources";
    params: { environmentId: string };
    query: { resourceIds: (string)[] };
    body: undefined;
    answer: undefined;
  };
  "list-env-groups": {
    method: "GET";
    path: "/env-groups";
    params: Record<never, never>;
    query: { name?: (string)[]; createdBefore?: string; createdAfter?: string; updatedBefore?: string; updatedAfter?: string; ownerId?: (string)[]; environmentId?: (string)[]; cursor?: string; limit?: number };
    body: undefined;
    answer: (EnvGroupMeta)[];
  };
  "create-env-group": {
    method: "POST";
    path: "/env-groups";
    params: Record<never, never>;
    query: Record<never, never>;
    body: EnvGroupPOSTInput;
    answer: EnvGroup;
  };
  "retrieve-env-group": {
    method: "GET";
    path: "/env-groups/{envGroupId}";
    params: { envGroupId: string };
    query: Record<never, never>;
    body: undefined;
    answer: EnvGroup;
  };
  "update-env-group": {
    method: "PATCH";
    path: "/env-groups/{envGroupId}";
    params: { envGroupId: string };
    query: Record<never, never>;
    body: EnvGroupPATCHInput;
    answer: EnvGroup;
  };
  "delete-env-group": {
    method: "DELETE";
    path: "/env-groups/{envGroupId}";
    params: { envGroupId: string };
    query: Record<never, never>;
    body: undefined;
    answer: undefined;
  };
  "link-service-to-env-group": {
    method: "POST";
    path: "/env-groups/{envGroupId}/services/{serviceId}";
    params: { envGroupId: string; serviceId: string };
    query: Record<never, never>;
    body: undefined;
    answer: EnvGroup;
  };
  "unlink-service-from-env-group": {
    method: "DELETE";
    path: "/env-groups/{envGroupId}/services/{serviceId}";
    params: { envGroupId: string; serviceId: string };
    query: Record<never, never>;
    body: undefined;
    answer: undefined;
  };
  "retrieve-env-group-env-var": {
    method: "GET";
    path: "/env-groups/{envGroupId}/env-vars/{envVarKey}";
    params: { envGroupId: string; envVarKey: string };
    query: Record<never, never>;
    body: undefined;
    answer: EnvVar;
  };
  "update-env-group-env-var": {
    method: "PUT";
    path: "/env-groups/{envGroupId}/env-vars/{envVarKey}";
    params: { envGroupId: string; envVarKey: string };
    query: Record<never, never>;
    body: AddUpdateEnvVarInput;
    answer: EnvGroup;
  };
  "delete-env-group-env-var": {
    method: "DELETE";
    path: "/env-groups/{envGroupId}/env-vars/{envVarKey}";
    params: { envGroupId: string; envVarKey: string };
    query: Record<never, never>;
    body: undefined;
    answer: undefined;
  };
  "retrieve-env-group-secret-file": {
    method: "GET";
    path: "/env-groups/{envGroupId}/secret-files/{envVarKey}";
    params: { envGroupId: string; envVarKey: string };
    query: Record<never, never>;
    body: undefined;
    answer: SecretFile;
  };
  "update-env-group-secret-file": {
    method: "PUT";
    path: "/env-groups/{envGroupId}/secret-files/{envVarKey}";
    params: { envGroupId: string; envVarKey: string };
    query: Record<never, never>;
    body: { content?: string };
    answer: EnvGroup;
  };
  "delete-env-group-secret-file": {
    method: "DELETE";
    path: "/env-groups/{envGroupId}/secret-files/{envVarKey}";
    params: { envGroupId: string; envVarKey: string };
    query: Record<never, never>;
    body: undefined;
    answer: undefined;
  };
  "list-webhooks": {
    method: "GET";
    path: "/webhooks";
    params: Record<never, never>;
    query: { cursor?: string; limit?: number; ownerId?: (string)[] };
    body: undefined;
    answer: (WebhookWithCursor)[];
  };
  "create-webhook": {
    method: "POST";
    path: "/webhooks";
    params: Record<never, never>;
    query: Record<never, never>;
    body: WebhookPOSTInput;
    answer: Webhook;
  };
  "retrieve-webhook": {
    method: "GET";
    path: "/webhooks/{webhookId}";
    params: { webhookId: WebhookId };
    query: Record<never, never>;
    body: undefined;
    answer: Webhook;
  };
  "update-webhook": {
    method: "PATCH";
    path: "/webhooks/{webhookId}";
    params: { webhookId: WebhookId };
    query: Record<never, never>;
    body: WebhookPATCHInput;
    answer: Webhook;
  };
  "delete-webhook": {
    method: "DELETE";
    path: "/webhooks/{webhookId}";
    params: { webhookId: WebhookId };
    query: Record<never, never>;
    body: undefined;
    answer: undefined;
  };
  "list-webhook-events": {
    method: "GET";
    path: "/webhooks/{webhookId}/events";
    params: { webhookId: WebhookId };
    query: { sentBefore?: string; sentAfter?: string; limit?: number; cursor?: string };
    body: undefined;
    answer: (WebhookEventWithCursor)[];
  };
  "list-keys": {
    method: "GET";
    path: "/keys";
    params: Record<never, never>;
    query: { cursor?: string; limit?: number };
    body: undefined;
    answer: ({ apiKey: ApiKey; cursor: string })[];
  };
  "create-key": {
    method: "POST";
    path: "/keys";
    params: Record<never, never>;
    query: Record<never, never>;
    body: { name: string; role: "admin" | "developer" | "viewer" };
    answer: ApiKeyWithSecret;
  };
  "prove-server": {
    method: "GET";
    path: "/proof";
    params: Record<never, never>;
    query: { nonce?: string };
    body: undefined;
    answer: { proof: string };
  };
  "revoke-key": {
    method: "DELETE";
    path: "/keys/{keyId}";
    params: { keyId: string };
    query: Record<never, never>;
    body: undefined;
    answer: undefined;
  };
  "list-workspaces": {
    method: "GET";
    path: "/workspaces";
    params: Record<never, never>;
    query: { cursor?: string; limit?: number };
    body: undefined;
    answer: ({ workspace: Workspace; cursor: string })[];
  };
  "create-workspace": {
    method: "POST";
    path: "/workspaces";
    params: Record<never, never>;
    query: Record<never, never>;
    body: { name: string; email?: string };
    answer: WorkspaceWithKey;
  };
  "list-audit-entries": {
    method: "GET";
    path: "/audit";
    params: Record<never, never>;
    query: { cursor?: string; limit?: number; action?: (string)[]; keyId?: (string)[]; before?: string; after?: string };
    body: undefined;
    answer: ({ auditEntry: AuditEntry; cursor: string })[];
  };
  "get-repository-credential": {
    method: "GET";
    path: "/services/{serviceId}/repository-credential";
    params: { serviceId: string };
    query: Record<never, never>;
    body: undefined;
    answer: RepositoryCredential;
  };
  "set-repository-credential": {
    method: "PUT";
    path: "/services/{serviceId}/repository-credential";
    params: { serviceId: string };
    query: Record<never, never>;
    body: { token?: string; username?: string; sshPrivateKey?: string; knownHosts?: string };
    answer: RepositoryCredential;
  };
  "delete-repository-credential": {
    method: "DELETE";
    path: "/services/{serviceId}/repository-credential";
    params: { serviceId: string };
    query: Record<never, never>;
    body: undefined;
    answer: undefined;
  };
  "job-by-id": {
    method: "GET";
    path: "/jobs/{jobId}";
    params: { jobId: string };
    query: Record<never, never>;
    body: undefined;
    answer: Job;
  };
  "wait-for-job": {
    method: "GET";
    path: "/jobs/{jobId}/wait";
    params: { jobId: string };
    query: { timeoutSeconds?: number };
    body: undefined;
    answer: Job;
  };
  "stream-logs": {
    method: "GET";
    path: "/logs/stream";
    params: Record<never, never>;
    query: { ownerId?: string; resource?: (string)[]; startTime?: string; endTime?: string; after?: string; instance?: (string)[]; level?: (string)[]; type?: (string)[]; text?: (string)[] };
    body: undefined;
    answer: undefined;
  };
  "get-active-connections": {
    method: "GET";
    path: "/metrics/active-connections";
    params: Record<never, never>;
    query: Record<never, never>;
    body: undefined;
    answer: (Record<string, unknown>)[];
  };
  "get-bandwidth": {
    method: "GET";
    path: "/metrics/bandwidth";
    params: Record<never, never>;
    query: Record<never, never>;
    body: undefined;
    answer: (Record<string, unknown>)[];
  };
  "get-bandwidth-sources": {
    method: "GET";
    path: "/metrics/bandwidth-sources";
    params: Record<never, never>;
    query: Record<never, never>;
    body: undefined;
    answer: (Record<string, unknown>)[];
  };
  "get-cpu-target": {
    method: "GET";
    path: "/metrics/cpu-target";
    params: Record<never, never>;
    query: Record<never, never>;
    body: undefined;
    answer: (Record<string, unknown>)[];
  };
  "get-disk-capacity": {
    method: "GET";
    path: "/metrics/disk-capacity";
    params: Record<never, never>;
    query: Record<never, never>;
    body: undefined;
    answer: (Record<string, unknown>)[];
  };
  "get-disk-usage": {
    method: "GET";
    path: "/metrics/disk-usage";
    params: Record<never, never>;
    query: Record<never, never>;
    body: undefined;
    answer: (Record<string, unknown>)[];
  };
  "get-http-latency": {
    method: "GET";
    path: "/metrics/http-latency";
    params: Record<never, never>;
    query: Record<never, never>;
    body: undefined;
    answer: (Record<string, unknown>)[];
  };
  "get-http-requests": {
    method: "GET";
    path: "/metrics/http-requests";
    params: Record<never, never>;
    query: Record<never, never>;
    body: undefined;
    answer: (Record<string, unknown>)[];
  };
  "get-instance-count": {
    method: "GET";
    path: "/metrics/instance-count";
    params: Record<never, never>;
    query: Record<never, never>;
    body: undefined;
    answer: (Record<string, unknown>)[];
  };
  "get-memory-target": {
    method: "GET";
    path: "/metrics/memory-target";
    params: Record<never, never>;
    query: Record<never, never>;
    body: undefined;
    answer: (Record<string, unknown>)[];
  };
  "get-replication-lag": {
    method: "GET";
    path: "/metrics/replication-lag";
    params: Record<never, never>;
    query: Record<never, never>;
    body: undefined;
    answer: (Record<string, unknown>)[];
  };
  "get-task-runs-completed": {
    method: "GET";
    path: "/metrics/task-runs-completed";
    params: Record<never, never>;
    query: Record<never, never>;
    body: undefined;
    answer: (Record<string, unknown>)[];
  };
  "get-task-runs-queued": {
    method: "GET";
    path: "/metrics/task-runs-queued";
    params: Record<never, never>;
    query: Record<never, never>;
    body: undefined;
    answer: (Record<string, unknown>)[];
  };
  "list-application-filter-values": {
    method: "GET";
    path: "/metrics/filters/application";
    params: Record<never, never>;
    query: Record<never, never>;
    body: undefined;
    answer: (Record<string, unknown>)[];
  };
  "list-http-filter-values": {
    method: "GET";
    path: "/metrics/filters/http";
    params: Record<never, never>;
    query: Record<never, never>;
    body: undefined;
    answer: (Record<string, unknown>)[];
  };
  "list-path-filter-values": {
    method: "GET";
    path: "/metrics/filters/path";
    params: Record<never, never>;
    query: Record<never, never>;
    body: undefined;
    answer: (Record<string, unknown>)[];
  };
  "list-postgres": {
    method: "GET";
    path: "/postgres";
    params: Record<never, never>;
    query: Record<never, never>;
    body: undefined;
    answer: (Record<string, unknown>)[];
  };
  "retrieve-postgres": {
    method: "GET";
    path: "/postgres/{postgresId}";
    params: { postgresId: string };
    query: Record<never, never>;
    body: undefined;
    answer: Record<string, unknown>;
  };
  "list-key-value": {
    method: "GET";
    path: "/key-value";
    params: Record<never, never>;
    query: Record<never, never>;
    body: undefined;
    answer: (Record<string, unknown>)[];
  };
  "retrieve-key-value": {
    method: "GET";
    path: "/key-value/{keyValueId}";
    params: { keyValueId: string };
    query: Record<never, never>;
    body: undefined;
    answer: Record<string, unknown>;
  };
  "list-redis": {
    method: "GET";
    path: "/redis";
    params: Record<never, never>;
    query: Record<never, never>;
    body: undefined;
    answer: (Record<string, unknown>)[];
  };
  "retrieve-redis": {
    method: "GET";
    path: "/redis/{redisId}";
    params: { redisId: string };
    query: Record<never, never>;
    body: undefined;
    answer: Record<string, unknown>;
  };
  "list-workflows": {
    method: "GET";
    path: "/workflows";
    params: Record<never, never>;
    query: Record<never, never>;
    body: undefined;
    answer: (Record<string, unknown>)[];
  };
  "retrieve-workflows": {
    method: "GET";
    path: "/workflows/{workflowId}";
    params: { workflowId: string };
    query: Record<never, never>;
    body: undefined;
    answer: Record<string, unknown>;
  };
  "list-blueprints": {
    method: "GET";
    path: "/blueprints";
    params: Record<never, never>;
    query: Record<never, never>;
    body: undefined;
    answer: (Record<string, unknown>)[];
  };
  "retrieve-blueprints": {
    method: "GET";
    path: "/blueprints/{blueprintId}";
    params: { blueprintId: string };
    query: Record<never, never>;
    body: undefined;
    answer: Record<string, unknown>;
  };
}

export type OperationId = keyof Operations;
