interface Kubeconfig {
  users: { name: string; user: object }[];
}

/** The kubeconfig that kubectl uses, as text, with a bearer token as its only credential. `kubectl` runs it and returns what it prints. */
export async function tokenKubeconfig(
  kubectl: (...args: string[]) => Promise<string>,
  token: string,
): Promise<string> {
  const view = await kubectl('config', 'view', '--raw', '--minify', '--flatten', '--output=json');
  const config = JSON.parse(view) as Kubeconfig;
  return JSON.stringify({ ...config, users: config.users.map(({ name }) => ({ name, user: { token } })) });
}
