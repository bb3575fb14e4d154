import type { Settings } from './options.js';
import type { Session } from './session.js';

/** What it needs of the options. */
type KeepingOptions = Pick<Settings<never>, 'storage' | 'key' | 'watch' | 'hide' | 'timers' | 'ackMs'>;

/** What it needs of a session. */
type Kept = Pick<Session<never>, 'save' | 'outdated'>;

/**
 * What is kept of a session for a page that is loaded again.
 *
 * A HELLO and a WELCOME are written at once. What is acknowledged is written a moment later at the latest, when the
 * connection ends and when the page may go: whoever comes back knows of less than the server said only if the page is
 * killed outright, and then of that moment.
 */
export class Keeping {
  readonly #settings: KeepingOptions;
  readonly #session: Kept;
  readonly #unhide: () => void;
  #savedAt = 0;
  /** Set while something is known that is not written. */
  #due: unknown = null;

  /** Reads nothing yet; listens for the page that goes until it is stopped. */
  constructor(settings: KeepingOptions, session: Kept) {
    this.#settings = settings;
    this.#session = session;
    this.#unhide = settings.watch ? () => {} : settings.hide(() => this.flush());
  }

  /** Writes the session as it is now. */
  save(): void {
    this.#write(false);
  }

  /** Something was acknowledged: it is written now, or when `ackMs` have passed since the last time. */
  soon(): void {
    const { timers, ackMs } = this.#settings;
    if (this.#due !== null) return;
    const wait = this.#savedAt + ackMs - timers.now();
    if (wait > 0) this.#due = timers.set(() => this.flush(), wait);
    else this.#writeOurs(false);
  }

  /** Writes what is not written yet. */
  flush(): void {
    if (this.#due !== null) this.#writeOurs(false);
  }

  /** The page goes on without the session, and another one may take it up. */
  detach(): void {
    this.#writeOurs(true);
    this.stop();
  }

  /** Forgets it. A spectator has no seat, and leaves alone what a player of the same page may have kept. */
  remove(): void {
    this.#clear();
    if (!this.#settings.watch) this.#settings.storage.remove(this.#settings.key);
  }

  /** Writes nothing any more. */
  stop(): void {
    this.#clear();
    this.#unhide();
  }

  /** Writes it unless another page has taken the entry over since, which is not to be taken back. */
  #writeOurs(detached: boolean): void {
    const { storage, key } = this.#settings;
    if (this.#session.outdated(storage.load(key))) this.#clear();
    else this.#write(detached);
  }

  #write(detached: boolean): void {
    this.#clear();
    const saved = this.#session.save(detached);
    this.#savedAt = this.#settings.timers.now();
    if (saved !== null) this.#settings.storage.save(this.#settings.key, saved);
  }

  #clear(): void {
    if (this.#due !== null) this.#settings.timers.clear(this.#due);
    this.#due = null;
  }
}
