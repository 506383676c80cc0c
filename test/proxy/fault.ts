import { type Direction, formatMessage, type Message, type Phase } from "./messages.js";

/** Before the message is forwarded, with a part of its bytes forwarded, or after all of it was. */
type Moment = "before" | "mid" | "after";

/**
 * - `reset`: RST to both sides.
 * - `fin`: an orderly end to both sides.
 * - `blackhole`: nothing is forwarded any more, and both sides keep an open connection.
 */
type How = "reset" | "fin" | "blackhole";

export interface Fault {
  readonly direction: Direction;
  readonly moment: Moment;
  readonly how: How;
  /** Which of the matching messages, counted from 0 at arming over all connections. Default 0. */
  readonly index?: number | undefined;
  /** Default: every message of the direction and phase. */
  readonly match?: ((message: Message) => boolean) | undefined;
  /** Default `steady`: connection startup is neither counted nor cut. */
  readonly phase?: Phase | undefined;
}

export interface FiredFault {
  readonly fault: Fault;
  readonly message: Message;
}

/** Where a crash matrix cuts: spread into {@link Fault} with a `how`. */
interface CutPoint {
  readonly direction: Direction;
  readonly index: number;
  readonly moment: Moment;
  /** For the test's name. */
  readonly label: string;
}

const MOMENTS: readonly Moment[] = ["before", "mid", "after"];

/** One cut point per message of a trace and moment. */
export function cutPoints(trace: readonly Message[], moments: readonly Moment[] = MOMENTS): CutPoint[] {
  const seen: Record<Direction, number> = { client: 0, server: 0 };
  return trace.flatMap((message) => {
    const { direction } = message;
    const index = seen[direction];
    seen[direction] += 1;
    return moments.map((moment) => {
      const label = `${moment} ${direction}[${index}] ${formatMessage(message)}`;
      return { direction, index, moment, label };
    });
  });
}

/** Holds the one armed fault and hands it out to the message it is meant for. */
export class FaultSlot {
  readonly history: FiredFault[] = [];
  fired = false;
  #armed: Fault | undefined;
  #toSkip = 0;

  arm(fault: Fault): void {
    const index = fault.index ?? 0;
    if (!Number.isInteger(index) || index < 0) {
      throw new TypeError(`index must be an integer, 0 or more; got ${index}`);
    }
    this.#armed = fault;
    this.#toSkip = index;
    this.fired = false;
  }

  disarm(): void {
    this.#armed = undefined;
  }

  /** The armed fault if `message` is its target; it is disarmed by that. */
  take(message: Message): Fault | undefined {
    const fault = this.#armed;
    if (fault === undefined || fault.direction !== message.direction) {
      return undefined;
    }
    // One byte has no middle.
    const possible = fault.moment !== "mid" || message.length > 1;
    const wanted = (fault.phase ?? "steady") === message.phase && (fault.match?.(message) ?? true);
    if (!possible || !wanted) {
      return undefined;
    }
    if (this.#toSkip > 0) {
      this.#toSkip -= 1;
      return undefined;
    }
    this.#armed = undefined;
    return fault;
  }

  /** The cut has been made, not merely decided. */
  record(fault: Fault, message: Message): void {
    this.fired = true;
    this.history.push({ fault, message });
  }
}
