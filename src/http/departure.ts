/**
 * What a request's signal means under `Deno.serve`: that its caller has gone away. Deno aborts it after every answer
 * as well, unless `no-legacy-abort` is in force; deno.json gives that to some versions of Deno and not to others
 * (2.6), and an acquire whose signal is aborted gives its lock back. So what follows an answer is told apart here.
 */

/** What `Deno.serve` knows of an answer: fulfilled once it is written, rejected where that fails. */
export interface Delivery {
  readonly completed: Promise<void>;
}

/**
 * Answers a request, whose `signal` is meanwhile and afterwards aborted only when the caller goes away.
 * @param answering what reads the signal, before it returns or never
 */
export async function answerCaller(
  request: Request,
  delivery: Delivery,
  answering: (request: Request) => Response | Promise<Response>,
): Promise<Response> {
  let isAnswered = false;
  let departure: AbortSignal | null = null;
  // Asked for by few, so that the others pay neither for a signal nor for the promise.
  const get = () => departure ??= departureOf(request, delivery, () => isAnswered);
  Object.defineProperty(request, "signal", { get });
  try {
    return await answering(request);
  } finally {
    isAnswered = true;
  }
}

function departureOf(
  request: Request,
  { completed }: Delivery,
  isAnswered: () => boolean,
): AbortSignal {
  const signal: AbortSignal = Reflect.get(Request.prototype, "signal", request);
  const departure = new AbortController();
  let isWritten = false;
  completed.then(
    () => isWritten = true,
    () => departure.abort(signal.reason),
  );
  signal.addEventListener("abort", () => {
    // Between the two it is the answer itself, whose writing `completed` tells of.
    if (!isAnswered() || isWritten) departure.abort(signal.reason);
  }, { once: true });
  if (signal.aborted) departure.abort(signal.reason);
  return departure.signal;
}
