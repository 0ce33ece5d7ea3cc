/** The actor with udx-native. */
import SecretStream from "@hyperswarm/secret-stream";
import UDX from "udx-native";
import { runActor } from "./actor.mjs";

runActor({ UDX, SecretStream });
