/** All mutants, part by part. */
import { EVENTS_MUTANTS } from "./events_mutants.ts";
import { CACHE_BOUNDS_MUTANTS } from "./cache_bounds_mutants.ts";
import { CACHE_HOME_MUTANTS } from "./cache_home_mutants.ts";
import { CACHE_LINES_MUTANTS } from "./cache_lines_mutants.ts";
import { CACHE_REDIS_MUTANTS } from "./cache_redis_mutants.ts";
import { CACHE_RULES_MUTANTS } from "./cache_rules_mutants.ts";
import { CACHE_SIM_MUTANTS } from "./cache_sim_mutants.ts";
import { GROUPS_MUTANTS } from "./groups_mutants.ts";
import { HOST_MUTANTS } from "./host_mutants.ts";
import { LOCKS_MUTANTS } from "./locks_mutants.ts";
import type { Mutant } from "./mutant.ts";
import { PARTITIONS_MUTANTS } from "./partitions_mutants.ts";
import { PLACEMENT_MUTANTS } from "./placement_mutants.ts";
import { QUEUE_MUTANTS } from "./queue_mutants.ts";
import { QUEUE_SIM_MUTANTS } from "./queue_sim_mutants.ts";
import { QUEUE_SERVICE_MUTANTS } from "./queue_service_mutants.ts";
import { RAFT_MUTANTS } from "./raft_mutants.ts";
import { REDIS_MUTANTS } from "./redis_mutants.ts";
import { RING_MUTANTS } from "./ring_mutants.ts";
import { STOP_MUTANTS } from "./stop_mutants.ts";
import { STORAGE_MUTANTS } from "./storage_mutants.ts";
import { UDX_MUTANTS } from "./udx_mutants.ts";
import { SWARM_MUTANTS } from "./swarm_mutants.ts";
import { VALUES_MUTANTS } from "./values_mutants.ts";

export const MUTANTS: readonly Mutant[] = [
  ...RAFT_MUTANTS,
  ...STORAGE_MUTANTS,
  ...EVENTS_MUTANTS,
  ...GROUPS_MUTANTS,
  ...CACHE_BOUNDS_MUTANTS,
  ...CACHE_HOME_MUTANTS,
  ...CACHE_LINES_MUTANTS,
  ...CACHE_REDIS_MUTANTS,
  ...CACHE_RULES_MUTANTS,
  ...CACHE_SIM_MUTANTS,
  ...HOST_MUTANTS,
  ...LOCKS_MUTANTS,
  ...PARTITIONS_MUTANTS,
  ...PLACEMENT_MUTANTS,
  ...QUEUE_MUTANTS,
  ...QUEUE_SERVICE_MUTANTS,
  ...QUEUE_SIM_MUTANTS,
  ...REDIS_MUTANTS,
  ...RING_MUTANTS,
  ...STOP_MUTANTS,
  ...UDX_MUTANTS,
  ...SWARM_MUTANTS,
  ...VALUES_MUTANTS,
];
