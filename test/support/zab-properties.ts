import type { Message, ZabRecord } from "./zab-record.js";

/** Undefined where the property holds, else what breaks it. */
export type Property = (record: ZabRecord) => string | undefined;

const name = ({ zxid, value }: Message): string => `${zxid}:${value}`;

/** The place of each message in a delivery. */
function places(messages: readonly Message[]): Map<string, number> {
  return new Map(messages.map((message, place) => [name(message), place]));
}

/** Whether `before` is delivered by everyone who delivers `after`, and earlier. Returns who does not. */
function precedes(record: ZabRecord, before: Message, after: Message): number | undefined {
  for (const { process, messages } of record.deliveries) {
    const at = messages.findIndex((message) => name(message) === name(after));
    if (at === -1) continue;
    const first = messages.findIndex((message) => name(message) === name(before));
    if (first === -1 || first > at) return process;
  }
  return undefined;
}

/** As `precedes`, but only of those that deliver both. */
function isNotInverted(record: ZabRecord, before: Message, after: Message): number | undefined {
  for (const { process, messages } of record.deliveries) {
    const first = messages.findIndex((message) => name(message) === name(before));
    const at = messages.findIndex((message) => name(message) === name(after));
    if (first !== -1 && at !== -1 && first > at) return process;
  }
  return undefined;
}

// Junqueira, Reed, Serafini: "Zab: High-performance broadcast for primary-backup systems", DSN 2011: the core
// properties and those of primary order.

/** If some process delivers (v, z), then some process has broadcast (v, z). */
export const integrity: Property = ({ broadcasts, deliveries }) => {
  const sent = new Set(broadcasts.map(name));
  for (const { process, messages } of deliveries) {
    for (const message of messages)
      if (!sent.has(name(message))) return `${process} delivers ${message.zxid}, never sent`;
  }
  return undefined;
};

/** If some process delivers (v, z) before (v', z'), then any process that delivers (v', z') must also deliver (v, z) before. */
export const totalOrder: Property = ({ deliveries }) => {
  const placed = deliveries.map(({ messages }) => places(messages));
  for (const { process, messages } of deliveries) {
    for (let place = 1; place < messages.length; place++) {
      const [before, after] = [name(messages[place - 1]!), name(messages[place]!)];
      for (const [other, at] of placed.entries()) {
        const second = at.get(after);
        if (second === undefined) continue;
        const first = at.get(before);
        if (first === undefined || first > second) {
          return `${process} and ${deliveries[other]!.process} differ before ${messages[place]!.zxid}`;
        }
      }
    }
  }
  return undefined;
};

/** If p_i delivers (v, z) and p_j delivers (v', z'), then either p_i delivers (v', z') or p_j delivers (v, z). */
export const agreement: Property = ({ deliveries }) => {
  const sets = deliveries.map(({ messages }) => new Set(messages.map(name)));
  for (const [one, first] of sets.entries()) {
    for (const second of sets.slice(one + 1)) {
      const [small, large] = first.size < second.size ? [first, second] : [second, first];
      for (const message of small) if (!large.has(message)) return `not everyone agrees on ${message.split(":")[0]}`;
    }
  }
  return undefined;
};

/** If a primary broadcasts (v, z) before (v', z'), a process that delivers (v', z') must also deliver (v, z) before. */
export const localPrimaryOrder: Property = (record) => {
  const last = new Map<number, Message>();
  for (const broadcast of record.broadcasts) {
    const before = last.get(broadcast.epoch);
    last.set(broadcast.epoch, broadcast);
    const process = before === undefined ? undefined : precedes(record, before, broadcast);
    if (process !== undefined) return `${process} delivers ${broadcast.zxid} without ${before!.zxid} before it`;
  }
  return undefined;
};

/** If a process delivers both (v, z) of an earlier primary and (v', z') of a later one, it must deliver (v, z) before. */
export const globalPrimaryOrder: Property = ({ broadcasts, deliveries }) => {
  const epochs = new Map(broadcasts.map((broadcast) => [name(broadcast), broadcast.epoch]));
  for (const { process, messages } of deliveries) {
    let latest = 0;
    for (const message of messages) {
      const epoch = epochs.get(name(message)) ?? 0;
      if (epoch < latest) return `${process} delivers ${message.zxid} after what primary ${latest} broadcast`;
      latest = epoch;
    }
  }
  return undefined;
};

/**
 * If primary p_e broadcasts (v, z) and some process delivers (v', z') which was broadcast by an earlier primary, then p_e
 * must deliver (v', z') before it broadcasts (v, z).
 */
export const primaryIntegrity: Property = ({ broadcasts, deliveries }) => {
  const delivered = new Set(deliveries.flatMap(({ messages }) => messages.map(name)));
  const lastOfEpoch = new Map<number, number>();
  for (const broadcast of broadcasts) {
    if (!delivered.has(name(broadcast))) continue;
    lastOfEpoch.set(broadcast.epoch, Math.max(broadcast.zxid, lastOfEpoch.get(broadcast.epoch) ?? 0));
  }
  for (const { epoch, zxid, deliveredBefore } of broadcasts) {
    for (const [earlier, last] of lastOfEpoch) {
      if (earlier < epoch && last > deliveredBefore)
        return `primary ${epoch} broadcasts ${zxid} before it delivers ${last}`;
    }
  }
  return undefined;
};

// Reed, Junqueira: "A simple totally ordered broadcast protocol", LADIS 2008: what the broadcast
// guarantees.

/** If a message, m, is delivered by one server, then it will eventually be delivered by all correct servers. */
export const reliableDelivery: Property = ({ deliveries }) => {
  const all = new Set(deliveries.flatMap(({ messages }) => messages.map(name)));
  for (const { process, correct, messages } of deliveries) {
    if (correct && new Set(messages.map(name)).size !== all.size) return `${process} never delivers what others have`;
  }
  return undefined;
};

/** If message a causally precedes message b and both messages are delivered, then a must be ordered before b. */
export const causalOrder: Property = (record) => {
  const byZxid = new Map<number, Message>(record.broadcasts.map((broadcast) => [broadcast.zxid, broadcast]));
  for (const [cause, effect] of record.causes) {
    const [before, after] = [byZxid.get(cause), byZxid.get(effect)];
    if (before === undefined || after === undefined) return `${cause} or ${effect} was never broadcast`;
    const process = isNotInverted(record, before, after);
    if (process !== undefined) return `${process} delivers ${effect} before its cause ${cause}`;
  }
  return undefined;
};

/** If m is the last message delivered for a leader L, any message proposed before m by L must also be delivered. */
export const prefixProperty: Property = ({ broadcasts, deliveries }) => {
  for (const { process, messages } of deliveries) {
    const delivered = new Set(messages.map(name));
    const last = new Map<number, number>();
    broadcasts.forEach((broadcast, place) => {
      if (delivered.has(name(broadcast))) last.set(broadcast.epoch, place);
    });
    const gap = broadcasts.find(
      (broadcast, place) => place < (last.get(broadcast.epoch) ?? -1) && !delivered.has(name(broadcast)),
    );
    if (gap !== undefined) return `${process} leaves out ${gap.zxid}`;
  }
  return undefined;
};

/** Every leader has an epoch of its own: nobody proposes in an epoch that another has proposed in. */
export const oneProposalPerZxid: Property = ({ broadcasts }) => {
  const values = new Map<number, string>();
  for (const { zxid, value } of broadcasts) {
    if (values.has(zxid)) return `${zxid} is broadcast twice`;
    values.set(zxid, value);
  }
  return undefined;
};
