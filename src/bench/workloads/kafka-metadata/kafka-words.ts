import type { SharedRegion } from "../../../workers/load-shared.js";
import type { KafkaMetadataWorkload } from "../../profile/profile.js";
import { SharedLong, SharedRing } from "../longs.js";

/** So many elections back an epoch that was given twice is found. */
const EPOCHS_KEPT = 1_024;
const EPOCH = 0;
const CONTROLLER_LOST_AT = 1;
const PARTITIONS = 2;
/** Longs of one partition in one group. */
const OFFSET = 0;
const OWNERS = 1;
const PARTITION_LONGS = 2;

export function kafkaWords(workload: KafkaMetadataWorkload): number {
  const { groups, topics, partitions } = workload;
  return partitionsEnd(groups * topics * partitions) * 2 + EPOCHS_KEPT;
}

/** Behind the longs of all partitions in all groups. */
function partitionsEnd(partitions: number): number {
  return PARTITIONS + partitions * PARTITION_LONGS;
}

/** What brokers and consumers know together. */
export class KafkaWords {
  /** The latest controller epoch that was won. */
  readonly epoch: SharedLong;
  readonly epochs: SharedRing;
  /** When a controller went whose successor is not known yet; 0 for none. */
  readonly controllerLostAt: SharedLong;
  private readonly region: SharedRegion;
  private readonly partitions: number;

  constructor(region: SharedRegion, workload: KafkaMetadataWorkload) {
    this.region = region;
    this.partitions = workload.topics * workload.partitions;
    this.epoch = new SharedLong(region, EPOCH);
    this.controllerLostAt = new SharedLong(region, CONTROLLER_LOST_AT);
    this.epochs = new SharedRing(region, partitionsEnd(workload.groups * this.partitions) * 2, EPOCHS_KEPT);
  }

  /** The largest offset of the partition whose commit was acknowledged. */
  offset(group: number, partition: number): SharedLong {
    return new SharedLong(this.region, this.at(group, partition) + OFFSET);
  }

  /** How many consumers take the partition for theirs. */
  owners(group: number, partition: number): SharedLong {
    return new SharedLong(this.region, this.at(group, partition) + OWNERS);
  }

  private at(group: number, partition: number): number {
    return PARTITIONS + (group * this.partitions + partition) * PARTITION_LONGS;
  }
}
