/** The actor of the interop tests with our UDX. */
import SecretStream from "@hyperswarm/secret-stream";
import { UDX } from "../../src/udx/mod.ts";
import { runActor } from "./native/actor.mjs";

runActor({ UDX, SecretStream });
