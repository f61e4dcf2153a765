// Components that draw again only when a property changed (compared by identity).
import { Component, type ComponentChild, type FunctionComponent } from "preact";

export function pure<P extends object>(render: (props: P) => ComponentChild): FunctionComponent<P> {
  class Pure extends Component<P> {
    override shouldComponentUpdate(next: P): boolean {
      const now = this.props as Record<string, unknown>;
      const then = next as Record<string, unknown>;
      const names = new Set([...Object.keys(now), ...Object.keys(then)]);
      for (const name of names) if (name !== "children" && now[name] !== then[name]) return true;
      return false;
    }

    override render(): ComponentChild {
      return render(this.props as P);
    }
  }
  return Pure as unknown as FunctionComponent<P>;
}
