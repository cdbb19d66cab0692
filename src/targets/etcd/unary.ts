import { type ByteWriter, MalformedBytesError } from "../../base/bytes.js";
import { EtcdError, STATUS, statusName } from "./errors.js";
import type { CallHandler, GrpcConnection, Method } from "./grpc.js";

/** A method with the messages it takes and gives. */
export interface UnaryMethod<Request, Response> extends Method {
  readonly request: { encode(writer: ByteWriter, value: Request): void };
  readonly response: { decode(bytes: Buffer): Response };
}

class UnaryCall<Request, Response> implements CallHandler {
  private readonly method: UnaryMethod<Request, Response>;
  private readonly request: Request;
  private readonly resolve: (response: Response) => void;
  private readonly reject: (error: Error) => void;
  private response: Response | undefined;

  constructor(
    method: UnaryMethod<Request, Response>,
    request: Request,
    resolve: (response: Response) => void,
    reject: (error: Error) => void,
  ) {
    this.method = method;
    this.request = request;
    this.resolve = resolve;
    this.reject = reject;
  }

  writeRequest(_tag: number, writer: ByteWriter): void {
    this.method.request.encode(writer, this.request);
  }

  message(_tag: number, bytes: Buffer, start: number, end: number): void {
    if (this.response !== undefined) throw new MalformedBytesError("two answers to one request");
    this.response = this.method.response.decode(Buffer.from(bytes.subarray(start, end)));
  }

  ended(_tag: number, status: number, message: string): void {
    if (status !== STATUS.ok) this.reject(new EtcdError(statusName(status), message));
    else if (this.response === undefined) this.reject(new EtcdError("INTERNAL", "success without an answer"));
    else this.resolve(this.response);
  }
}

/** One call as a promise, for everything that is not load. Rejects with `EtcdError`. */
export function unary<Request, Response>(
  grpc: GrpcConnection,
  method: UnaryMethod<Request, Response>,
  request: Request,
): Promise<Response> {
  return new Promise((resolve, reject) => {
    grpc.call(method, new UnaryCall(method, request, resolve, reject), 0);
  });
}
