/** All that Errand is measured against: what is here, in which version, and what is missing and why. */
import { findProgram, PACKAGES, type ProgramName, versionOf } from '../programs.ts';
import { ByHandLoop, type HandKind } from './by-hand.ts';
import { DockerEngine } from './docker-engine.ts';
import { Podman } from './podman.ts';

export class Peers {
  /** Peers that could not be measured, with the reason. */
  readonly absent = new Map<string, string>();
  readonly versions = new Map<string, string>();
  /** The bare parts; undefined without conmon or root. */
  readonly hand: ByHandLoop | undefined;
  /** The bare ways that this machine has. */
  readonly handKinds: HandKind[] = [];
  readonly #folder: string;
  #docker: Promise<DockerEngine | undefined> | undefined;
  #podman: Podman | undefined | null = null;

  constructor(folder: string) {
    this.#folder = folder;
    const programs = Object.fromEntries(
      (Object.keys(PACKAGES) as ProgramName[]).map((name) => [name, findProgram(name)]),
    ) as Record<ProgramName, string | undefined>;
    for (const name of ['conmon', 'crun', 'runc', 'bwrap'] as const) {
      const path = programs[name];
      if (path) this.versions.set(name, versionOf(path));
      else this.absent.set(name, `not installed (--install installs ${PACKAGES[name]})`);
    }
    if (!programs.conmon) return;
    this.hand = new ByHandLoop(folder, programs);
    if (programs.crun) this.handKinds.push('crun');
    if (programs.runc) this.handKinds.push('runc');
    if (programs.bwrap) this.handKinds.push('bwrap', 'bwrap-alone');
  }

  /** A Docker Engine, started at the first call; undefined where there is none to start. */
  docker(): Promise<DockerEngine | undefined> {
    this.#docker ??= DockerEngine.start(this.#folder).then(
      (engine) => {
        this.versions.set('Docker Engine', engine.version);
        return engine;
      },
      (error: unknown) => this.#isAbsent('Docker Engine', error, 'docker.io'),
    );
    return this.#docker;
  }

  podman(): Podman | undefined {
    if (this.#podman === null) {
      try {
        this.#podman = Podman.open(this.#folder);
        this.versions.set('podman', this.#podman.version);
      } catch (error) {
        this.#podman = this.#isAbsent('podman', error, 'podman');
      }
    }
    return this.#podman;
  }

  async close(): Promise<void> {
    await this.hand?.close();
    await (await this.#docker)?.stop();
  }

  #isAbsent(name: string, error: unknown, from: string): undefined {
    const why = error instanceof Error ? error.message : String(error);
    this.absent.set(name, /not installed/.test(why) ? `${why} (--install installs ${from})` : why);
    return undefined;
  }
}

/** What a bare way is called in the report. */
export const HAND_NAMES: Record<HandKind, string> = {
  crun: 'conmon + crun by hand',
  runc: 'conmon + runc by hand',
  bwrap: 'conmon + bwrap by hand',
  'bwrap-alone': 'bwrap by hand, no supervisor (no times, no stream tags)',
};
/** Those that keep the promises: limits, isolation, times and stream tags of lines, the exit code on disk. */
export const EQUAL_KINDS: readonly HandKind[] = ['crun', 'runc', 'bwrap'];
