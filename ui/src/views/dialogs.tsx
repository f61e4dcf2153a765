// Two small questions: a new name, and "are you sure". Native dialogs keep the focus inside by themselves.
import type { ComponentChildren, JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { errorText } from "../protocol/errors";

interface DialogProps {
  title: string;
  action: string;
  danger?: boolean;
  onConfirm: () => Promise<void> | void;
  onClose: () => void;
  children: ComponentChildren;
}

function Dialog({ title, action, danger, onConfirm, onClose, children }: DialogProps): JSX.Element {
  const dialog = useRef<HTMLDialogElement>(null);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState("");
  useEffect(() => dialog.current?.showModal(), []);
  const submit = async (event: Event): Promise<void> => {
    event.preventDefault();
    setBusy(true);
    try {
      await onConfirm();
      onClose();
    } catch (thrown) {
      setError(errorText(thrown));
      setBusy(false);
    }
  };
  return (
    <dialog ref={dialog} class="dialog" aria-labelledby="dialog-title" onClose={onClose}>
      <form onSubmit={(event) => void submit(event)}>
        <h2 id="dialog-title">{title}</h2>
        {children}
        {error === "" ? null : (
          <p class="error-text" role="alert">
            {error}
          </p>
        )}
        <div class="dialog-actions">
          <button type="button" class="quiet" onClick={onClose}>
            Cancel
          </button>
          <button type="submit" class={danger === true ? "danger" : "primary"} disabled={busy}>
            {action}
          </button>
        </div>
      </form>
    </dialog>
  );
}

export function RenameDialog(props: { name: string; onRename: (name: string) => Promise<void>; onClose: () => void }): JSX.Element {
  const [name, setName] = useState(props.name);
  return (
    <Dialog title="Rename session" action="Rename" onConfirm={() => props.onRename(name.trim())} onClose={props.onClose}>
      <label for="session-name">Name</label>
      <input id="session-name" type="text" maxLength={200} value={name} onInput={(event) => setName(event.currentTarget.value)} />
      <p class="muted small-text">Leave it empty to use the automatic name.</p>
    </Dialog>
  );
}

export function ConfirmDialog(props: {
  title: string;
  text: string;
  action: string;
  onConfirm: () => Promise<void> | void;
  onClose: () => void;
}): JSX.Element {
  return (
    <Dialog title={props.title} action={props.action} danger onConfirm={props.onConfirm} onClose={props.onClose}>
      <p>{props.text}</p>
    </Dialog>
  );
}
