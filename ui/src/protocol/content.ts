// Reads the parts of a message's content. Unknown parts are skipped, never shown raw.
import type { ContentPart, WireMessage } from "./types";

export function textOf(message: WireMessage): string {
  const content = message.content;
  if (content === undefined) return "";
  if (typeof content === "string") return content;
  return parts(content, "text", "text").join("\n\n");
}

export function thinkingOf(message: WireMessage): string {
  return Array.isArray(message.content) ? parts(message.content, "thinking", "thinking").join("\n\n") : "";
}

export interface ToolCall {
  id: string;
  name: string;
  input: unknown;
}

export function toolCallsOf(message: WireMessage): ToolCall[] {
  if (!Array.isArray(message.content)) return [];
  return message.content.flatMap((part) => {
    if (part.type !== "toolCall" || !("name" in part)) return [];
    return [{ id: part.id, name: part.name, input: part.arguments }];
  });
}

export interface AttachedFile {
  name: string;
  kind: "image" | "file";
  /** What its bytes are asked for by; a message that still waits has none. */
  artifactId?: string;
}

/** Files of a message. Histories name them and leave their bytes out. */
export function filesOf(message: WireMessage): AttachedFile[] {
  if (!Array.isArray(message.content)) return [];
  return message.content.flatMap((part) => {
    if (part.type === "attachment") return fileOf("file", (part as { attachment?: unknown }).attachment);
    return part.type === "image" || part.type === "file" ? fileOf(part.type, part) : [];
  });
}

function fileOf(kind: "image" | "file", facts: unknown): AttachedFile[] {
  if (typeof facts !== "object" || facts === null) return [];
  const { fileName, label, mimeType, artifactId } = facts as Record<string, unknown>;
  const name = [fileName, label, mimeType].find((value) => typeof value === "string" && value !== "");
  const file = { name: typeof name === "string" ? name : kind, kind };
  return [typeof artifactId === "string" ? { ...file, artifactId } : file];
}

function parts(content: ContentPart[], type: string, field: string): string[] {
  return content.flatMap((part) => {
    const value = (part as Record<string, unknown>)[field];
    return part.type === type && typeof value === "string" ? [value] : [];
  });
}
