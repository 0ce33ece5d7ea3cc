/** Random lock commands over few names, so that they meet; for the conformance and property tests. */
import type { Attachment } from "../../src/groups/machine.ts";
import type { LockCommand } from "../../src/locks/commands.ts";
import type { Random } from "../../src/random.ts";

const PEERS = ["peer-a", "peer-b"];
const BOOTS = ["boot-1", "boot-2"];

export function randomAttachment(random: Random): Attachment {
  return {
    peer: random.pick(PEERS),
    bootId: random.pick(BOOTS),
    serial: random.integer(1, 40),
  };
}

export function randomLockCommand(random: Random): LockCommand {
  const resource = `lock-${random.integer(1, 4)}`;
  const owner = `owner-${random.integer(1, 5)}`;
  const token = random.chance(0.3) ? random.integer(1, 80) : null;
  const attachment = randomAttachment(random);
  switch (random.integer(0, 19)) {
    case 0:
    case 1:
      return { kind: "cancel", resource, owner, attachment };
    case 2:
      return { kind: "renew", resource, owner, token, ttlMs: random.pick([null, 100, 2_000]) };
    case 3:
      if (random.chance(0.2)) {
        return { kind: "detach", peer: attachment.peer, bootId: attachment.bootId };
      }
      return { kind: "release", resource, owner, token };
    case 4:
    case 5:
    case 6:
    case 7:
    case 8:
      return { kind: "release", resource, owner, token };
    default: {
      const mode = random.chance(0.5) ? "shared" : "exclusive";
      const waitMs = random.pick([0, 100, 1_000, 5_000, 60_000]);
      const ttlMs = random.pick([100, 500, 3_000, 60_000]);
      return { kind: "acquire", resource, owner, mode, waitMs, ttlMs, attachment };
    }
  }
}
