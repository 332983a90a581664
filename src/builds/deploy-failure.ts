/** Why a deploy cannot go on: a message for people, and the event by which the deploy ends. */
export class DeployFailure extends Error {
  readonly event: 'failBuild' | 'failUpdate';

  constructor(event: DeployFailure['event'], message: string, options?: ErrorOptions) {
    super(message, options);
    this.event = event;
  }
}
