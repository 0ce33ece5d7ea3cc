/**
 * The UDP ports that this process listens on, as Linux tells: so that a test can send to all of them, or see that none
 * is left.
 */

export function udpPorts(): number[] {
  const own = new Set<string>();
  for (const { name } of Deno.readDirSync("/proc/self/fd")) {
    try {
      own.add(Deno.readLinkSync(`/proc/self/fd/${name}`));
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }
  return Deno.readTextFileSync("/proc/net/udp").trim().split("\n").slice(1).flatMap((line) => {
    const columns = line.trim().split(/\s+/);
    const isOwn = own.has(`socket:[${columns[9]}]`);
    return isOwn ? [Number.parseInt(columns[1]!.split(":")[1]!, 16)] : [];
  });
}
