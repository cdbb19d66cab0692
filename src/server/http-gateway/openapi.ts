// The description of the gateway (OpenAPI 3.1), as it is served. A test holds it against the routes.

interface Parameter {
  readonly name: string;
  readonly in: "path" | "query" | "header";
  readonly required?: boolean;
  readonly description: string;
  readonly schema: Schema;
}
type Schema = Readonly<Record<string, unknown>>;
type Content = Readonly<Record<string, { readonly schema: Schema }>>;
interface Answer {
  readonly description: string;
  readonly headers?: Readonly<Record<string, { readonly description: string; readonly schema: Schema }>>;
  readonly content?: Content;
}
interface Operation {
  readonly operationId: string;
  readonly summary: string;
  readonly description?: string;
  readonly parameters?: readonly Parameter[];
  readonly requestBody?: { readonly required?: boolean; readonly content: Content };
  readonly responses: Readonly<Record<string, Answer>>;
}
type Method = "get" | "head" | "put" | "post" | "delete";
export interface OpenApiDescription {
  readonly openapi: string;
  readonly info: { readonly title: string; readonly version: string; readonly description: string };
  readonly paths: Readonly<Record<string, Readonly<Partial<Record<Method, Operation>>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, Schema>> };
}

const reference = (name: string): Schema => ({ $ref: `#/components/schemas/${name}` });
const text: Schema = { type: "string" };
const bytes: Content = { "application/octet-stream": { schema: { type: "string", format: "binary" } } };
const json = (name: string): Content => ({ "application/json": { schema: reference(name) } });

const pathParameter: Parameter = {
  name: "path",
  in: "path",
  required: true,
  description:
    "The path of the znode without its first slash, each name percent-encoded; slashes stay. Empty for the root.",
  schema: text,
};
const sessionParameter: Parameter = {
  name: "session",
  in: "path",
  required: true,
  description: "What POST /sessions gave.",
  schema: text,
};
const sessionHeader: Parameter = {
  name: "ZooKeeper-Session",
  in: "header",
  description: "The session to do it in; ephemeral znodes need one.",
  schema: text,
};
const syncQuery: Parameter = {
  name: "sync",
  in: "query",
  description: "Linearizable: the answer shows everything that was committed before the request came.",
  schema: { type: "boolean", default: false },
};
const ifMatch: Parameter = {
  name: "If-Match",
  in: "header",
  description: 'The entity tag that was read, ZooKeeper\'s version alone ("3"), or * for any.',
  schema: text,
};
const ifNoneMatch: Parameter = {
  name: "If-None-Match",
  in: "header",
  description: "An entity tag: 304 where nothing has changed.",
  schema: text,
};
const ttlQuery: Parameter = {
  name: "ttl",
  in: "query",
  description: "Milliseconds, with a mode that has a time to live.",
  schema: { type: "integer", minimum: 1 },
};

const problem = (description: string): Answer => ({
  description,
  content: { "application/problem+json": { schema: reference("Problem") } },
});
const badRequest = problem("BADARGUMENTS, MARSHALLINGERROR: the request is not right.");
const notThere = problem("NONODE");
const unavailable = problem(
  "CONNECTIONLOSS: this server has no leader. `outcomeUnknown` says whether it may have been done.",
);
const gone = problem("SESSIONEXPIRED");
const tooLarge = problem("More than jute.maxbuffer.");
const statHeaders = {
  ETag: { description: "The version, and the zxid of the last change.", schema: text },
  "ZooKeeper-Stat": { description: "The Stat, as a dictionary of structured fields (RFC 8941).", schema: text },
  "ZooKeeper-Zxid": { description: "The last transaction that the answer reflects.", schema: text },
};
const created: Answer = {
  description: "Created.",
  headers: { ...statHeaders, Location: { description: "The znode.", schema: text } },
  content: json("Written"),
};

export const OPENAPI: OpenApiDescription = {
  openapi: "3.1.0",
  info: {
    title: "ZooKeeper over HTTP",
    version: "1",
    description:
      "Znodes as resources. Writes are replicated as those of any client. A client that was answered a write reads it at the " +
      "same server; elsewhere it asks for sync. Errors are application/problem+json with ZooKeeper's names.",
  },
  paths: {
    "/znodes/{path}": {
      get: {
        operationId: "getZnode",
        summary: "Data and Stat",
        description: "The bytes with the Stat in headers, or both as JSON, by Accept.",
        parameters: [pathParameter, syncQuery, ifNoneMatch, sessionHeader],
        responses: {
          "200": { description: "The znode.", headers: statHeaders, content: { ...bytes, ...json("Znode") } },
          "304": { description: "Not changed.", headers: statHeaders },
          "400": badRequest,
          "403": problem("NOAUTH"),
          "404": notThere,
          "503": unavailable,
        },
      },
      head: {
        operationId: "headZnode",
        summary: "Stat",
        parameters: [pathParameter, syncQuery, ifNoneMatch, sessionHeader],
        responses: {
          "200": { description: "There is one.", headers: statHeaders },
          "304": { description: "Not changed.", headers: statHeaders },
          "404": { description: "NONODE" },
          "503": { description: "CONNECTIONLOSS" },
        },
      },
      put: {
        operationId: "putZnode",
        summary: "Set or create",
        description: "Without a precondition it sets, or creates what is not there. The parent has to be there.",
        parameters: [
          pathParameter,
          ifMatch,
          { ...ifNoneMatch, description: "* creates, and never overwrites." },
          {
            name: "mode",
            in: "query",
            description: "With If-None-Match: *.",
            schema: { enum: ["persistent", "ephemeral", "container", "persistentWithTTL"], default: "persistent" },
          },
          ttlQuery,
          sessionHeader,
        ],
        requestBody: { content: bytes },
        responses: {
          "200": { description: "Set.", headers: statHeaders, content: json("Written") },
          "201": created,
          "204": { description: "Set.", headers: statHeaders },
          "400": badRequest,
          "403": problem("NOAUTH"),
          "404": problem("NONODE: there is no parent."),
          "409": problem("NOCHILDRENFOREPHEMERALS"),
          "410": gone,
          "412": problem("BADVERSION, NODEEXISTS, NONODE: the precondition failed."),
          "413": tooLarge,
          "501": problem("UNIMPLEMENTED: znodes with a time to live are switched off."),
          "503": unavailable,
        },
      },
      post: {
        operationId: "createSequential",
        summary: "Create a child with the next number",
        parameters: [
          pathParameter,
          {
            name: "name",
            in: "query",
            description: "What stands before the number.",
            schema: { ...text, default: "" },
          },
          {
            name: "mode",
            in: "query",
            description: "How long it lives.",
            schema: {
              enum: ["persistentSequential", "ephemeralSequential", "persistentSequentialWithTTL"],
              default: "persistentSequential",
            },
          },
          ttlQuery,
          sessionHeader,
        ],
        requestBody: { content: bytes },
        responses: {
          "201": created,
          "400": badRequest,
          "403": problem("NOAUTH"),
          "404": problem("NONODE: there is no parent."),
          "409": problem("NOCHILDRENFOREPHEMERALS"),
          "410": gone,
          "413": tooLarge,
          "503": unavailable,
        },
      },
      delete: {
        operationId: "deleteZnode",
        summary: "Delete",
        parameters: [pathParameter, ifMatch, sessionHeader],
        responses: {
          "204": { description: "Deleted." },
          "400": badRequest,
          "403": problem("NOAUTH"),
          "404": notThere,
          "409": problem("NOTEMPTY"),
          "410": gone,
          "412": problem("BADVERSION, NONODE: the precondition failed."),
          "503": unavailable,
        },
      },
    },
    "/children/{path}": {
      get: {
        operationId: "getChildren",
        summary: "The names of the children, in no order",
        parameters: [pathParameter, syncQuery, ifNoneMatch, sessionHeader],
        responses: {
          "200": { description: "The children.", headers: statHeaders, content: json("Children") },
          "304": { description: "No child came or went.", headers: statHeaders },
          "400": badRequest,
          "403": problem("NOAUTH"),
          "404": notThere,
          "503": unavailable,
        },
      },
      head: {
        operationId: "headChildren",
        summary: "Whether a child came or went",
        parameters: [pathParameter, syncQuery, ifNoneMatch, sessionHeader],
        responses: {
          "200": { description: "There is such a znode.", headers: statHeaders },
          "304": { description: "No child came or went.", headers: statHeaders },
          "404": { description: "NONODE" },
          "503": { description: "CONNECTIONLOSS" },
        },
      },
    },
    "/watches/{path}": {
      get: {
        operationId: "watch",
        summary: "Every change, as server-sent events",
        description:
          "First `state`, then nodeCreated, nodeDeleted, nodeDataChanged and nodeChildrenChanged as they are committed, each " +
          "with its zxid. With Last-Event-ID, changes that came meanwhile are told once for each kind, with `missed`; in a " +
          "recursive watch they are not known, which `gap` says. Ids move on with heartbeats too, in blocks without data: " +
          "what `events` left out is not told of after that either. A reader that does not keep up is cut off.",
        parameters: [
          pathParameter,
          {
            name: "recursive",
            in: "query",
            description: "Everything below as well.",
            schema: { type: "boolean", default: false },
          },
          {
            name: "events",
            in: "query",
            description: "Which changes of the znode itself.",
            schema: { enum: ["all", "data", "children"], default: "all" },
          },
          { name: "session", in: "query", description: "A session that the open stream keeps alive.", schema: text },
          sessionHeader,
          { name: "Last-Event-ID", in: "header", description: "Where the last stream ended.", schema: text },
        ],
        responses: {
          "200": { description: "Events until it is closed.", content: { "text/event-stream": { schema: text } } },
          "400": badRequest,
          "403": problem("NOAUTH"),
          "410": gone,
          "503": unavailable,
        },
      },
    },
    "/multi": {
      post: {
        operationId: "multi",
        summary: "Several writes as one transaction",
        parameters: [sessionHeader],
        requestBody: { required: true, content: json("Transaction") },
        responses: {
          "200": { description: "All done.", content: json("TransactionResults") },
          "400": badRequest,
          "403": problem("NOAUTH"),
          "404": notThere,
          "409": problem("NODEEXISTS, NOTEMPTY, NOCHILDRENFOREPHEMERALS"),
          "410": gone,
          "412": problem("BADVERSION"),
          "413": tooLarge,
          "415": problem("The body is not application/json."),
          "503": unavailable,
        },
      },
    },
    "/sessions": {
      post: {
        operationId: "openSession",
        summary: "Open a session",
        description: "It goes on by requests in it, by PUT, and by open streams; ephemeral znodes end with it.",
        requestBody: { content: json("SessionRequest") },
        responses: {
          "201": {
            description: "Open.",
            headers: { Location: { description: "The session.", schema: text } },
            content: json("Session"),
          },
          "400": badRequest,
          "415": problem("The body is not application/json."),
          "503": unavailable,
        },
      },
    },
    "/sessions/{session}": {
      get: {
        operationId: "getSession",
        summary: "The session and its ephemeral znodes",
        parameters: [sessionParameter],
        responses: {
          "200": { description: "Alive.", content: json("Session") },
          "403": problem("NOAUTH"),
          "410": gone,
          "503": unavailable,
        },
      },
      put: {
        operationId: "keepSession",
        summary: "Keep it alive for another timeout",
        parameters: [sessionParameter],
        responses: { "204": { description: "Alive." }, "403": problem("NOAUTH"), "410": gone, "503": unavailable },
      },
      delete: {
        operationId: "closeSession",
        summary: "End it, and its ephemeral znodes",
        parameters: [sessionParameter],
        responses: { "204": { description: "Ended." }, "403": problem("NOAUTH"), "410": gone, "503": unavailable },
      },
    },
    "/openapi.json": {
      get: {
        operationId: "describe",
        summary: "This description",
        responses: {
          "200": { description: "OpenAPI 3.1", content: { "application/json": { schema: { type: "object" } } } },
        },
      },
    },
  },
  components: {
    schemas: {
      Stat: {
        type: "object",
        required: [
          "czxid",
          "mzxid",
          "pzxid",
          "ctime",
          "mtime",
          "version",
          "cversion",
          "aversion",
          "ephemeralOwner",
          "dataLength",
          "numChildren",
        ],
        properties: {
          czxid: { type: "string", description: "Hexadecimal, with 0x: 64 bits are more than a JSON number keeps." },
          mzxid: text,
          pzxid: text,
          ctime: { type: "integer", description: "Milliseconds since 1970." },
          mtime: { type: "integer" },
          version: { type: "integer" },
          cversion: { type: "integer" },
          aversion: { type: "integer" },
          ephemeralOwner: { type: "string", description: "The session; 0x0 without one." },
          dataLength: { type: "integer" },
          numChildren: { type: "integer" },
        },
      },
      Znode: {
        type: "object",
        required: ["path", "data", "stat"],
        properties: {
          path: text,
          data: { type: ["string", "null"], contentEncoding: "base64" },
          stat: reference("Stat"),
        },
      },
      Written: {
        type: "object",
        required: ["path", "stat"],
        properties: { path: text, stat: reference("Stat") },
      },
      Children: {
        type: "object",
        required: ["path", "children", "stat"],
        properties: { path: text, children: { type: "array", items: text }, stat: reference("Stat") },
      },
      SessionRequest: {
        type: "object",
        additionalProperties: false,
        properties: {
          timeoutMs: { type: "integer", minimum: 1, description: "The server grants what lies within its own limits." },
        },
      },
      Session: {
        type: "object",
        required: ["session", "sessionId", "timeoutMs", "ephemerals"],
        properties: {
          session: text,
          sessionId: text,
          timeoutMs: { type: "integer" },
          ephemerals: { type: "array", items: text },
        },
      },
      Transaction: {
        type: "object",
        additionalProperties: false,
        required: ["operations"],
        properties: {
          operations: {
            type: "array",
            minItems: 1,
            items: {
              type: "object",
              required: ["op", "path"],
              properties: {
                op: { enum: ["create", "setData", "delete", "check"] },
                path: text,
                data: { type: "string", contentEncoding: "base64", description: "Of create and setData." },
                mode: {
                  enum: ["persistent", "ephemeral", "persistentSequential", "ephemeralSequential"],
                  description: "Of create.",
                },
                version: { type: "integer", default: -1, description: "Of all but create; -1 is any." },
              },
            },
          },
        },
      },
      TransactionResults: {
        type: "object",
        required: ["zxid", "results"],
        properties: {
          zxid: text,
          results: {
            type: "array",
            items: {
              type: "object",
              required: ["op", "path"],
              properties: { op: text, path: text, stat: reference("Stat") },
            },
          },
        },
      },
      Problem: {
        type: "object",
        description: "RFC 9457. `error` and `code` are ZooKeeper's, where it is one of its errors.",
        required: ["type", "title", "status", "detail"],
        properties: {
          type: text,
          title: text,
          status: { type: "integer" },
          detail: text,
          error: text,
          code: { type: "integer" },
          path: text,
          outcomeUnknown: { type: "boolean" },
          index: { type: "integer", description: "Of a transaction: the operation that could not be done." },
          results: { type: "array", items: text },
        },
      },
    },
  },
};

export const OPENAPI_TEXT = `${JSON.stringify(OPENAPI)}\n`;
