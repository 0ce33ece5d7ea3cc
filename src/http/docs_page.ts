/**
 * Renders an OpenAPI document as one plain HTML page: routes by tag, fields with their types and bounds,
 * answers by status. Text in, text out.
 */
import type { OpenAPIHono } from "@hono/zod-openapi";

export type OpenApiDocument = ReturnType<OpenAPIHono["getOpenAPI31Document"]>;

/** What the page reads of a JSON schema; everything else of it is left to /openapi.json. */
interface Schema {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly Schema[];
  readonly allOf?: readonly Schema[];
  readonly items?: Schema;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly description?: string;
  readonly default?: unknown;
  readonly minimum?: number;
  readonly maximum?: number;
}

interface Content {
  readonly [mediaType: string]: { readonly schema?: Schema };
}

interface Operation {
  readonly tags?: readonly string[];
  readonly summary?: string;
  readonly parameters?: readonly {
    readonly name: string;
    readonly required?: boolean;
    readonly schema?: Schema;
  }[];
  readonly requestBody?: { readonly content: Content };
  readonly responses: Readonly<
    Record<string, { readonly description: string; readonly content?: Content }>
  >;
}

interface Route {
  readonly method: string;
  readonly path: string;
  readonly operation: Operation;
}

const STYLE = `
body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1b1f24;background:#fff}
code,h3{font-family:ui-monospace,monospace}h3{font-size:1rem;margin:0}section{margin:2.5rem 0}
article{border:1px solid #d5dae0;border-radius:6px;padding:1rem;margin:1rem 0}
table{border-collapse:collapse;width:100%;margin:.5rem 0}td,th{text-align:left;vertical-align:top;padding:.25rem .75rem .25rem 0;border-top:1px solid #e8ebef}
b.post{color:#8a4b00}b.get{color:#00613a}p{margin:.25rem 0}
@media(prefers-color-scheme:dark){body{color:#e6e9ed;background:#14171b}article,td,th{border-color:#333a42}b.post{color:#f0b265}b.get{color:#6fd3a5}a{color:#8ab8ff}}`;

function escape(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

function page(title: string, body: string): string {
  return `<!doctype html><html lang="en"><meta charset="utf-8">` +
    `<meta name="viewport" content="width=device-width"><title>${escape(title)}</title>` +
    `<style>${STYLE}</style><body>${body}</body></html>`;
}

function routesOf(document: OpenApiDocument): readonly Route[] {
  return Object.entries(document.paths ?? {}).flatMap(([path, item]) =>
    Object.entries(item as Record<string, Operation>).map(([method, operation]) => ({
      method,
      path,
      operation,
    }))
  );
}

class SchemaPrinter {
  readonly #named: Readonly<Record<string, Schema>>;

  constructor(document: OpenApiDocument) {
    this.#named = (document.components?.schemas ?? {}) as Readonly<Record<string, Schema>>;
  }

  /** One line: the type with its bounds. */
  type(schema: Schema): string {
    if (schema.$ref !== undefined) return escape(refName(schema.$ref));
    if (schema.const !== undefined) return escape(JSON.stringify(schema.const));
    if (schema.enum !== undefined) {
      return escape(schema.enum.map((value) => JSON.stringify(value)).join(" | "));
    }
    if (schema.anyOf !== undefined) return schema.anyOf.map((each) => this.type(each)).join(" or ");
    if (schema.items !== undefined) return `${this.type(schema.items)}[]`;
    const type = [schema.type ?? "any"].flat().join(" or ");
    const { minimum, maximum } = schema;
    return escape(minimum === undefined ? type : `${type}, ${minimum} to ${maximum}`);
  }

  /** A table of fields for each alternative; nothing for what has no fields. */
  tables(schema: Schema): string {
    if (schema.anyOf !== undefined) return schema.anyOf.map((each) => this.tables(each)).join("or");
    if (schema.allOf !== undefined) return schema.allOf.map((each) => this.tables(each)).join("");
    if (schema.$ref !== undefined) {
      const named = this.#named[refName(schema.$ref)];
      return named === undefined ? "" : this.tables(named);
    }
    const required = new Set(schema.required);
    return this.#table(
      Object.entries(schema.properties ?? {}).map(([name, field]) => ({
        name,
        field,
        isRequired: required.has(name),
      })),
    );
  }

  parameters(parameters: NonNullable<Operation["parameters"]>): string {
    return this.#table(
      parameters.map(({ name, schema, required }) => ({
        name,
        field: schema ?? {},
        isRequired: required === true,
      })),
    );
  }

  #table(rows: readonly { name: string; field: Schema; isRequired: boolean }[]): string {
    if (rows.length === 0) return "";
    const lines = rows.map(({ name, field, isRequired }) => {
      const byDefault = field.default === undefined
        ? ""
        : `; ${escape(JSON.stringify(field.default))} by default`;
      return `<tr><td><code>${escape(name)}</code>${isRequired ? " *" : ""}</td>` +
        `<td>${this.type(field)}${byDefault}</td><td>${escape(field.description ?? "")}</td></tr>`;
    });
    return `<table>${lines.join("")}</table>`;
  }
}

function refName(ref: string): string {
  return ref.slice(ref.lastIndexOf("/") + 1);
}

function article(printer: SchemaPrinter, { method, path, operation }: Route): string {
  const request = operation.requestBody?.content["application/json"]?.schema;
  const answers = Object.entries(operation.responses).map(([status, { description, content }]) => {
    const schema = content?.["application/json"]?.schema;
    const fields = schema === undefined || !status.startsWith("2") ? "" : printer.tables(schema);
    return `<p><b>${escape(status)}</b> ${escape(description)}</p>${fields}`;
  });
  return `<article><h3><b class="${method}">${method.toUpperCase()}</b> ${escape(path)}</h3>` +
    `<p>${escape(operation.summary ?? "")}</p>${printer.parameters(operation.parameters ?? [])}` +
    `${request === undefined ? "" : printer.tables(request)}${answers.join("")}</article>`;
}

/** The page that explains every route. */
export function docsPage(document: OpenApiDocument): string {
  const printer = new SchemaPrinter(document);
  const byTag = Map.groupBy(routesOf(document), ({ operation }) => operation.tags?.[0] ?? "other");
  const sections = [...byTag].map(([tag, routes]) =>
    `<section><h2>${escape(tag)}</h2>${
      routes.map((route) => article(printer, route)).join("")
    }</section>`
  );
  const { title, version, description } = document.info;
  return page(
    `${title} API`,
    `<h1>${escape(title)} ${escape(version)}</h1><p>${escape(description ?? "")}</p>` +
      `<p>Fields with * are required. The same as OpenAPI: <a href="/openapi.json">/openapi.json</a>.</p>` +
      sections.join(""),
  );
}

/** The page at the root: what one can look at from here. */
export function indexPage(document: OpenApiDocument): string {
  const links = routesOf(document)
    .filter(({ method, path, operation }) =>
      method === "get" && path !== "/" && !operation.parameters?.some(({ required }) => required)
    )
    .map(({ path, operation }) =>
      `<tr><td><a href="${escape(path)}">${escape(path)}</a></td>` +
      `<td>${escape(operation.summary ?? "")}</td></tr>`
    );
  const { title, version } = document.info;
  return page(
    title,
    `<h1>${escape(title)} ${escape(version)}</h1><p>This peer is running.</p>` +
      `<table>${links.join("")}</table>`,
  );
}
