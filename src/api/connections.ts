/**
 * Places for connections. A connection takes a descriptor, and jobs, output, builds and the database need those too, so
 * there are far fewer places than descriptors. When all are taken, a new connection gets the place of the one that has
 * been idle for longest, of those without a valid key first: whoever has no key can hold none for long. What serves a
 * valid key, such as live output, is never ended for another.
 */
import type { IncomingMessage, Server } from 'node:http';
import type { Socket } from 'node:net';
import { descriptorLimit } from '../shared/descriptors.ts';
import type { Logger } from '../shared/logger.ts';

/** An idle connection costs up to 20 KB of memory; all of them must leave the server small. */
const MOST_CONNECTIONS = 5000;
/** With one connection and one file for each follower, a third of all descriptors is left for everything else. */
const SHARE_OF_DESCRIPTORS = 1 / 3;
/** This part of the places is for who has not shown a key yet; beyond it they make room for each other. */
const SHARE_OF_STRANGERS = 1 / 8;
/** A body of which nothing comes for this long is given up. */
const STALLED_BODY_MS = 8000;
/** What a client that was answered already may take to finish its request. */
const LINGER_MS = 5000;
/** How soon a limit that was changed from outside is noticed. */
const LOOK_MS = 1000;
/** While the server stops: an answer may have been on its way a moment ago. */
const END_EVERY_MS = 50;
const TELL_EVERY_MS = 60_000;

export class Connections {
  /** Without a valid key so far, or since their last request; the one that did nothing for longest comes first. */
  readonly #strangers = new Set<Socket>();
  /** Idle, after a request with a valid key; the one that is idle for longest comes first. */
  readonly #known = new Set<Socket>();
  /** In the middle of a request with a valid key. */
  readonly #serving = new Set<Socket>();
  readonly #logger: Logger;
  readonly #most: number | undefined;
  readonly #server: Server;
  #places: number;
  #toldAtMs = Number.NEGATIVE_INFINITY;

  /** @param most places; otherwise they follow from the process's limit of descriptors, also when that changes */
  constructor(server: Server, logger: Logger, most?: number) {
    this.#logger = logger;
    this.#most = most;
    this.#places = most ?? placesFor(descriptorLimit()) ?? MOST_CONNECTIONS;
    server.on('connection', (socket: Socket) => this.#admit(socket));
    const look = setInterval(() => this.#look(), LOOK_MS).unref();
    server.once('close', () => clearInterval(look));
    this.#server = server;
  }

  /** The server stops: from now on connections end as soon as nothing is on its way over them. */
  endIdle(): void {
    const end = (): void => {
      this.#server.closeIdleConnections();
      // Over these nothing ever came, so the server does not count them as idle.
      for (const socket of this.#strangers) if (socket.bytesRead === 0) socket.destroy();
    };
    end();
    const again = setInterval(end, END_EVERY_MS);
    this.#server.once('close', () => clearInterval(again));
  }

  get places(): number {
    return this.#places;
  }

  /** A request with a valid key begins. */
  begins(socket: Socket): void {
    this.#move(socket, this.#serving);
  }

  /** A request was answered, or refused for want of a key. */
  ends(request: IncomingMessage, hadKey: boolean): void {
    const { socket } = request;
    if (!this.#isHere(socket)) return;
    this.#move(socket, hadKey ? this.#known : this.#strangers);
    // Answered before all of it came: the rest is not waited for as long as a request would be.
    if (!request.complete) setTimeout(() => request.complete || socket.destroy(), LINGER_MS).unref();
  }

  #admit(socket: Socket): void {
    // Asked for now, while it can be told: of a connection that was reset it is not known any more.
    void socket.remoteAddress;
    this.#strangers.add(socket);
    socket.once('close', () => {
      for (const group of [this.#strangers, this.#known, this.#serving]) group.delete(socket);
    });
    this.#makeRoom();
  }

  /** A body comes; it must not stand still. */
  bodyBegins(socket: Socket): void {
    if (this.#isHere(socket)) socket.setTimeout(STALLED_BODY_MS);
  }

  bodyEnds(socket: Socket): void {
    if (this.#isHere(socket)) socket.setTimeout(0);
  }

  #isHere(socket: Socket): boolean {
    return this.#strangers.has(socket) || this.#known.has(socket) || this.#serving.has(socket);
  }

  #move(socket: Socket, to: Set<Socket>): void {
    if (!this.#isHere(socket)) return;
    for (const group of [this.#strangers, this.#known, this.#serving]) group.delete(socket);
    to.add(socket);
  }

  #makeRoom(): void {
    while (this.#strangers.size + this.#known.size + this.#serving.size > this.#places) {
      const isCrowd = this.#strangers.size > this.#places * SHARE_OF_STRANGERS;
      const group = isCrowd || this.#known.size === 0 ? this.#strangers : this.#known;
      const [longestIdle] = group;
      if (!longestIdle) return;
      group.delete(longestIdle);
      longestIdle.destroy();
      this.#tell();
    }
  }

  #look(): void {
    if (this.#most === undefined) this.#places = placesFor(descriptorLimit()) ?? this.#places;
    this.#makeRoom();
  }

  #tell(): void {
    const now = performance.now();
    if (now < this.#toldAtMs + TELL_EVERY_MS) return;
    this.#toldAtMs = now;
    this.#logger.warn('all places for connections are taken; idle ones are closed', {
      places: this.#places,
      serving: this.#serving.size,
    });
  }
}

function placesFor(descriptors: number | undefined): number | undefined {
  if (descriptors === undefined) return undefined;
  return Math.max(1, Math.min(MOST_CONNECTIONS, Math.floor(descriptors * SHARE_OF_DESCRIPTORS)));
}
