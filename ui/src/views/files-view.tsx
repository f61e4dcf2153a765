// Files of a message: pictures are shown, and everything can be saved. Nothing is loaded before somebody looks.
import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import type { AttachedFile } from "../protocol/content";
import { isGone } from "../state/files";
import { useApp } from "./context";
import { Icon } from "./icons";

/** Pictures are loaded this far ahead of the reader. */
const AHEAD_PX = 600;

export function Files({ files }: { files: readonly AttachedFile[] }): JSX.Element | null {
  if (files.length === 0) return null;
  return (
    <ul class="files" aria-label="Attached files">
      {files.map((file, index) => (
        <li key={index}>{file.artifactId === undefined ? <Name file={file} /> : <Stored file={file} artifactId={file.artifactId} />}</li>
      ))}
    </ul>
  );
}

function Name({ file }: { file: AttachedFile }): JSX.Element {
  return (
    <span class="file">
      <Icon name={file.kind === "image" ? "image" : "file"} size={15} /> <bdi>{file.name}</bdi>
    </span>
  );
}

/** One whose bytes the gateway has. An address ends after some minutes, so saving asks for a fresh one. */
function Stored({ file, artifactId }: { file: AttachedFile; artifactId: string }): JSX.Element {
  const { files, sessions } = useApp();
  const sessionKey = sessions.selected.value;
  const [missing, setMissing] = useState(false);
  const fail = (error: unknown): void => {
    if (isGone(error)) setMissing(true);
  };
  const { picture, address, renew } = useAddressWhenSeen(file.kind === "image", () => files.address(sessionKey, artifactId), fail);
  const save = async (): Promise<void> => {
    try {
      const link = document.createElement("a");
      link.href = await files.address(sessionKey, artifactId);
      link.download = file.name;
      link.click();
    } catch (error) {
      // Unless it is gone, it can be pressed again.
      fail(error);
    }
  };
  const isShown = file.kind === "image" && address !== undefined && !missing;
  return (
    <button type="button" class="stored" ref={picture} disabled={missing} title={missing ? "No longer kept" : `Save ${file.name}`} onClick={() => void save()}>
      {isShown ? <img src={address} alt={file.name} onError={renew} /> : <Name file={file} />}
    </button>
  );
}

/** Asks for an address once the element comes near what is on the screen, and once more when that one shows nothing. */
function useAddressWhenSeen(isWanted: boolean, ask: () => Promise<string>, fail: (error: unknown) => void) {
  const picture = useRef<HTMLButtonElement>(null);
  const isRenewed = useRef(false);
  const [address, setAddress] = useState<string>();
  // Without an address its name stays, which can be pressed to try again.
  const load = (): void => void ask().then(setAddress, fail);
  const renew = (): void => {
    setAddress(undefined);
    if (!isRenewed.current) load();
    isRenewed.current = true;
  };
  useEffect(() => {
    const element = picture.current;
    if (element === null || !isWanted) return;
    const observer = new IntersectionObserver(
      (entries) => {
        if (!entries.some((entry) => entry.isIntersecting)) return;
        observer.disconnect();
        load();
      },
      { rootMargin: `${AHEAD_PX}px` },
    );
    observer.observe(element);
    return () => observer.disconnect();
  }, [isWanted]);
  return { picture, address, renew };
}
