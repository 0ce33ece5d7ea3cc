/**
 * Self-signed certificates, made where a test needs one: of an ECDSA key, for this machine's loopback addresses.
 * The little of DER that it takes is written here, so that no test depends on a tool that may be missing.
 */
const DAY_MS = 86_400_000;
const LINE_LENGTH = 64;

const OID = {
  commonName: "2.5.4.3",
  subjectAlternativeName: "2.5.29.17",
  ecdsaWithSha256: "1.2.840.10045.4.3.2",
} as const;
const TAG = {
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  objectIdentifier: 0x06,
  utf8String: 0x0c,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
  dnsName: 0x82,
  ipAddress: 0x87,
  version: 0xa0,
  extensions: 0xa3,
} as const;

export interface TestCertificate {
  readonly cert: string;
  readonly key: string;
}

/**
 * @param name its subject
 * @param validDays from now; negative: it ended so long ago
 */
export async function makeCertificate(name: string, validDays = 30): Promise<TestCertificate> {
  const algorithm = { name: "ECDSA", namedCurve: "P-256" };
  const { publicKey, privateKey } = await crypto.subtle.generateKey(algorithm, true, ["sign"]);
  const nowMs = Date.now();
  const subject = der(
    TAG.sequence,
    der(TAG.set, der(TAG.sequence, objectIdentifier(OID.commonName), text(TAG.utf8String, name))),
  );
  const signature = der(TAG.sequence, objectIdentifier(OID.ecdsaWithSha256));
  const signed = der(
    TAG.sequence,
    der(TAG.version, der(TAG.integer, [2])),
    unsigned(crypto.getRandomValues(new Uint8Array(8))),
    signature,
    subject,
    der(
      TAG.sequence,
      time(nowMs - (validDays < 0 ? 2 * -validDays : 1) * DAY_MS),
      time(nowMs + validDays * DAY_MS),
    ),
    subject,
    new Uint8Array(await crypto.subtle.exportKey("spki", publicKey)),
    der(TAG.extensions, der(TAG.sequence, alternativeNames())),
  );
  const raw = new Uint8Array(
    await crypto.subtle.sign({ name: "ECDSA", hash: "SHA-256" }, privateKey, signed),
  );
  const half = raw.length / 2;
  const proof = der(TAG.sequence, unsigned(raw.subarray(0, half)), unsigned(raw.subarray(half)));
  const pkcs8 = new Uint8Array(await crypto.subtle.exportKey("pkcs8", privateKey));
  return {
    cert: pem("CERTIFICATE", der(TAG.sequence, signed, signature, der(TAG.bitString, [0], proof))),
    key: pem("PRIVATE KEY", pkcs8),
  };
}

function alternativeNames(): Uint8Array<ArrayBuffer> {
  const names = der(
    TAG.sequence,
    text(TAG.dnsName, "localhost"),
    der(TAG.ipAddress, [127, 0, 0, 1]),
    der(TAG.ipAddress, [...new Array(15).fill(0), 1]),
  );
  const identifier = objectIdentifier(OID.subjectAlternativeName);
  return der(TAG.sequence, identifier, der(TAG.octetString, names));
}

/** A value of DER: its tag, the length of what it holds, and that. */
function der(tag: number, ...parts: readonly ArrayLike<number>[]): Uint8Array<ArrayBuffer> {
  const content = parts.flatMap((part) => Array.from(part));
  const { length } = content;
  const lengthBytes = length < 0x80
    ? [length]
    : length < 0x100
    ? [0x81, length]
    : [0x82, length >> 8, length & 0xff];
  return Uint8Array.from([tag, ...lengthBytes, ...content]);
}

function text(tag: number, value: string): Uint8Array<ArrayBuffer> {
  return der(tag, new TextEncoder().encode(value));
}

/** In the fewest bytes whose first bit is none of a sign. */
function unsigned(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const start = bytes.findIndex((byte) => byte !== 0);
  const digits = start < 0 ? [0] : [...bytes.subarray(start)];
  return der(TAG.integer, digits[0]! >= 0x80 ? [0, ...digits] : digits);
}

function objectIdentifier(dotted: string): Uint8Array<ArrayBuffer> {
  const [first = 0, second = 0, ...rest] = dotted.split(".").map(Number);
  const bytes = [40 * first + second, ...rest.flatMap(base128)];
  return der(TAG.objectIdentifier, bytes);
}

function base128(value: number): number[] {
  const digits = [value % 128];
  for (let left = Math.floor(value / 128); left > 0; left = Math.floor(left / 128)) {
    digits.unshift(0x80 | left % 128);
  }
  return digits;
}

function time(atMs: number): Uint8Array<ArrayBuffer> {
  const digits = new Date(atMs).toISOString().replaceAll(/[-:T]|\.\d+/g, "");
  return text(TAG.generalizedTime, digits);
}

function pem(label: string, bytes: Uint8Array): string {
  const lines = bytes.toBase64().match(new RegExp(`.{1,${LINE_LENGTH}}`, "g")) ?? [];
  return [`-----BEGIN ${label}-----`, ...lines, `-----END ${label}-----`, ""].join("\n");
}
