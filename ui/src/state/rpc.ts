// What the stores need of the connection, and no more.
export interface Rpc {
  request<T>(method: string, params?: Record<string, unknown>): Promise<T>;
  /** Whether the gateway announced the method at hello. */
  supports(method: string): boolean;
}
