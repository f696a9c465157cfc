// The way to Python: commands out, exactly one reply each, events in.
import type { AnyCommand, AnyEvent, Code, Replies } from "./api.gen";
import type { AnyShellCommand, ShellReplies } from "./shell.gen";

export type Doable = AnyCommand | AnyShellCommand;
export type AllReplies = Replies & ShellReplies;

/** A command was refused. `code` is a word of the specification, `message` its sentence for the person. */
export class Refusal extends Error {
  constructor(
    readonly code: Code,
    message: string,
  ) {
    super(message);
  }
}

export interface Bridge {
  /** Carry a command out. Rejects with `Refusal`. Events that come behind the reply may be heard before it. */
  do<C extends Doable>(command: C): Promise<AllReplies[C["command"]]>;
  /** Hear every event from now on. */
  listen(hear: (event: AnyEvent) => void): void;
}

interface Reply {
  reply: number | null;
  ok: boolean;
  error?: { code: Code; message: string };
}

/** What the shell puts into the page (Qt's web channel). */
interface Channel {
  send(line: string): void;
  /** Say that the last batch of lines is taken; the next one comes only then, and the page counts as alive. */
  taken(): void;
  lines: { connect(hear: (lines: string) => void): void };
}

declare global {
  const qt: { webChannelTransport: unknown };
  class QWebChannel {
    constructor(transport: unknown, ready: (channel: { objects: { channel: Channel } }) => void);
  }
}

/** Speak JSON lines through any pair of pipes; the tests bring their own. */
export function lineBridge(send: (line: string) => void): {
  bridge: Bridge;
  receive: (line: string) => void;
} {
  const waiting = new Map<number, (reply: Reply) => void>();
  const hearers: ((event: AnyEvent) => void)[] = [];
  let lastId = 0;
  const bridge: Bridge = {
    do: (command) =>
      new Promise((resolve, reject) => {
        const id = ++lastId;
        waiting.set(id, (reply) => {
          if (reply.ok) resolve(reply as never);
          else reject(new Refusal(reply.error?.code ?? "internal", reply.error?.message ?? ""));
        });
        send(JSON.stringify({ id, ...command }));
      }),
    listen: (hear) => void hearers.push(hear),
  };
  const receive = (line: string): void => {
    const message = JSON.parse(line) as Reply | AnyEvent;
    if ("event" in message) {
      for (const hear of hearers) hear(message);
    } else if (message.reply !== null) {
      waiting.get(message.reply)?.(message);
      waiting.delete(message.reply);
    }
  };
  return { bridge, receive };
}

/** Open the channel that the desktop shell has put into this page. */
export function openBridge(): Promise<Bridge> {
  return new Promise((resolve) => {
    new QWebChannel(qt.webChannelTransport, ({ objects: { channel } }) => {
      const { bridge, receive } = lineBridge((line) => channel.send(line));
      channel.lines.connect((lines) => {
        try {
          if (lines !== "") lines.split("\n").forEach(receive);
        } finally {
          channel.taken();
        }
      });
      resolve(bridge);
    });
  });
}
