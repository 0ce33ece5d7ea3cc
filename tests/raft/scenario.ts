/**
 * A cluster that is driven by commands in words, for the transcripts in `scenarios/`. A command does one
 * thing and answers with lines; nothing happens by itself, but `settle`, `pass` and `run` do for one or all
 * replicas whatever there is to do. Every command ends with a check of all invariants.
 *
 *   cluster a b c            the founding voters                 set NAME NUMBER   before `cluster`
 *   join d 5                 an empty replica with this id       restart a         loses what is not durable
 *   campaign a [force]       transfer a b                        step-down a
 *   propose a x y            change a OPERATION PEER …           read a 7
 *   tick a|all 3              wake a 3                            alive a b         b is told that a leads
 *   ready a                  persist a [1]   finish a [1]   apply a   snapshot a
 *   network                  deliver [a > b] [1]   repeat a > b   drop [a > b]   delay a > b … late
 *   cut a [b]                heal                                status
 *   hold a … release        `settle` does nothing for it
 *   settle                   pass 10         ticks for all, and what comes of it    quiet COMMAND
 */
import { EMPTY_CONFIGURATION } from "../../src/raft/configuration.ts";
import type { PeerId } from "../../src/raft/entry.ts";
import type { Envelope } from "../../src/raft/message.ts";
import type { ConfigurationOperation, Proposed, Refusal } from "../../src/raft/ready.ts";
import { Random } from "../../src/random.ts";
import { Disk, founding, payloadOf, ReplicaHarness, SETTINGS } from "./replica_harness.ts";
import { showConfiguration, showEnvelope, showReady, showReplica } from "./transcript.ts";

type Command = (words: readonly string[]) => void;

export class Scenario {
  readonly #replicas = new Map<PeerId, ReplicaHarness>();
  readonly #settings: Record<string, number> = { ...SETTINGS };
  readonly #random = new Random(1);
  /** Pairs of peers between which everything is lost. */
  #cuts: (readonly [PeerId, PeerId | null])[] = [];
  #network: Envelope[] = [];
  readonly #delayed: Envelope[] = [];
  /** Replicas that `settle` passes over. */
  readonly #held = new Set<PeerId>();
  #output: string[] = [];

  readonly #commands: Readonly<Record<string, Command>> = {
    set: ([name, value]) => void (this.#settings[name!] = Number(value)),
    cluster: (peers) => peers.forEach((peer) => this.#add(peer, 1, new Disk(founding(...peers)))),
    join: ([peer, id]) => this.#add(peer!, Number(id), new Disk(EMPTY_CONFIGURATION)),
    restart: ([peer]) => this.#at(peer).restart(),
    campaign: ([peer, force]) => this.#at(peer).raft.campaign(force === "force"),
    transfer: ([peer, to]) => this.#refused(this.#at(peer).raft.transferLeadership(to!)),
    "step-down": ([peer]) => this.#at(peer).raft.stepDown(),
    propose: ([peer, ...texts]) =>
      this.#refused(this.#at(peer).raft.propose(texts.map(payloadOf), 0)),
    change: (words) => this.#change(words),
    read: ([peer, context]) => this.#refused(this.#at(peer).raft.readIndex(Number(context))),
    tick: ([peer, count]) =>
      this.#repeat(count, () => {
        const replicas = peer === "all" ? [...this.#replicas.values()] : [this.#at(peer)];
        for (const { raft } of replicas) raft.tick();
      }),
    wake: ([peer, ticks]) => this.#at(peer).raft.wake(Number(ticks)),
    alive: ([leader, follower]) =>
      this.#at(follower).raft.leaderAlive(leader!, this.#at(leader).raft.term),
    ready: ([peer]) => this.#ready(this.#at(peer)),
    persist: ([peer, count]) => this.#at(peer).persist(Number(count ?? Infinity)),
    finish: ([peer, count]) => this.#at(peer).finishReads(Number(count ?? Infinity)),
    apply: ([peer]) => this.#at(peer).apply(),
    snapshot: ([peer]) => this.#at(peer).takeSnapshot(),
    network: () => this.#network.forEach((envelope) => this.#output.push(showEnvelope(envelope))),
    deliver: (words) => void this.#pick(words, "once"),
    repeat: (words) => void this.#pick(words, "keep"),
    drop: (words) => void this.#pick(words, "drop"),
    delay: (words) => void this.#delayed.push(...this.#pick(words, "drop")),
    late: () => this.#delayed.splice(0).forEach((envelope) => this.#deliver(envelope)),
    cut: ([peer, other]) => void this.#cuts.push([peer!, other ?? null]),
    heal: () => void (this.#cuts = []),
    hold: ([peer]) => void this.#held.add(peer!),
    release: () => this.#held.clear(),
    settle: () => this.#settle(),
    pass: ([ticks]) => this.#pass(Number(ticks)),
    status: () => this.#status(),
    quiet: (words) => {
      const before = this.#output.length;
      this.#perform(words);
      this.#output.length = before;
    },
  };

  /** @returns what the command led to, a line each */
  run(line: string): readonly string[] {
    this.#output = [];
    this.#perform(line.split(/\s+/));
    for (const { raft } of this.#replicas.values()) raft.checkInvariants();
    return this.#output;
  }

  #perform([name, ...words]: readonly string[]): void {
    const command = this.#commands[name ?? ""];
    if (command === undefined) throw new Error(`no such command: ${name}`);
    command(words);
  }

  #at(peer: string | undefined): ReplicaHarness {
    const replica = this.#replicas.get(peer ?? "");
    if (replica === undefined) throw new Error(`no such replica: ${peer}`);
    return replica;
  }

  #add(peer: PeerId, replica: number, disk: Disk): void {
    const settings = this.#settings as unknown as typeof SETTINGS;
    const harness = new ReplicaHarness({ peer, replica }, disk, settings, this.#random);
    // What a replica says of itself as it starts is not worth a line.
    let shown = harness.raft.ready().status!.configuration;
    harness.onReady = (ready) => {
      this.#output.push(...showReady(harness.self, ready, shown));
      shown = ready.status?.configuration ?? shown;
    };
    this.#replicas.set(peer, harness);
  }

  #refused(result: Proposed | { readonly ok: true } | Refusal): void {
    if (result.ok) return;
    const { ok: _ok, ...refusal } = result;
    this.#output.push(`refused: ${JSON.stringify(refusal)}`);
  }

  /** `change a [at INDEX] promote d remove b` */
  #change([peer, ...words]: readonly string[]): void {
    const { raft } = this.#at(peer);
    const names = words[0] === "at" ? words.slice(2) : words;
    const expectedIndex = words[0] === "at" ? Number(words[1]) : raft.configuration.index;
    const operations: ConfigurationOperation[] = [];
    for (let at = 0; at < names.length; at += 2) {
      const kind = names[at] === "add" ? "addLearner" : names[at];
      operations.push({ kind, peer: names[at + 1]! } as ConfigurationOperation);
    }
    this.#refused(raft.proposeConfiguration({ expectedIndex, operations }, 0));
  }

  #repeat(count: string | undefined, action: () => void): void {
    for (let time = 0; time < Number(count ?? 1); time++) action();
  }

  #ready(replica: ReplicaHarness): void {
    for (const envelope of replica.takeReady()) {
      this.#output.push(showEnvelope(envelope));
      this.#network.push(envelope);
    }
  }

  /** `deliver`, `deliver a > b`, `deliver a > b 1`: in the order in which they were sent. */
  #pick(words: readonly string[], fate: "once" | "keep" | "drop"): readonly Envelope[] {
    const [from, arrow, to, count] = words;
    if (from !== undefined && arrow !== ">") throw new Error(`expected PEER > PEER: ${words}`);
    let left = Number(count ?? Infinity);
    const picked = this.#network.filter((envelope) => {
      const isMeant = from === undefined ||
        (envelope.from.peer === from && envelope.to.peer === to);
      return isMeant && left-- > 0;
    });
    if (fate !== "keep") {
      this.#network = this.#network.filter((envelope) => !picked.includes(envelope));
    }
    if (fate !== "drop") picked.forEach((envelope) => this.#deliver(envelope));
    return picked;
  }

  #deliver(envelope: Envelope): void {
    this.#replicas.get(envelope.to.peer)?.raft.step(envelope);
  }

  #isCut({ from, to }: Envelope): boolean {
    const isEnd = (peer: PeerId) => from.peer === peer || to.peer === peer;
    return this.#cuts.some(([one, other]) => isEnd(one) && (other === null || isEnd(other)));
  }

  #pass(ticks: number): void {
    for (let tick = 0; tick < ticks; tick++) {
      for (const { raft } of this.#replicas.values()) raft.tick();
      this.#settle();
    }
  }

  /** Everything that can be done, replica by replica, until nothing is left. */
  #settle(): void {
    for (let round = 0; round < 1_000; round++) {
      for (const replica of this.#replicas.values()) {
        while (replica.isBusy && !this.#held.has(replica.self.peer)) {
          this.#ready(replica);
          replica.finishReads();
          replica.persist();
          replica.apply();
        }
      }
      if (this.#network.length === 0) return;
      for (const envelope of this.#network.splice(0)) {
        if (!this.#isCut(envelope)) this.#deliver(envelope);
      }
    }
    throw new Error("the cluster does not come to rest");
  }

  #status(): void {
    for (const { self, raft, applied } of this.#replicas.values()) {
      const { role, term, leader, commitIndex, lastIndex, firstIndex, asleep } = raft;
      this.#output.push(
        `${showReplica(self)}: ${role} of term ${term}, leader ${leader ?? "unknown"}, ` +
          `log ${firstIndex}..${lastIndex}, commit ${commitIndex}${asleep ? ", asleep" : ""}, ` +
          `applied [${applied.join(" ")}]`,
      );
      this.#output.push(`  configuration ${showConfiguration(raft.configuration)}`);
      for (const { replica, state, matchIndex, nextIndex } of raft.followers()) {
        this.#output.push(
          `  ${showReplica(replica)}: ${state}, match ${matchIndex}, next ${nextIndex}`,
        );
      }
    }
  }
}
