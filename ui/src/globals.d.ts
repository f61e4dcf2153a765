/** Version of this page, put in by the build from `package.json`. */
declare const __UI_VERSION__: string;

declare module "*.css";
