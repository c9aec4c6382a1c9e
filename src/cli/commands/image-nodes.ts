/** Commands of the group `image`, and their short names at the top level. */
import { wantsClassicBuilder } from '#cli/build/wants-classic-builder.ts';
import type { CommandNode } from '#cli/command.ts';
import { imagePullNode, imagePushNode } from './pull-nodes.ts';

export const buildNode: CommandNode = {
  name: 'build', summary: 'Build an image from a Dockerfile', paths: ['image build', 'build', 'builder build'],
  children: [
    {
      name: 'history', summary: 'Show builds that are done and under way', isOwn: true,
      children: [
        { name: 'inspect', summary: 'Show what a build was', isOwn: true, load: async () => (await import('./build-history.ts')).inspectCommand },
        { name: 'logs', summary: 'Show all that a build wrote, or search the output of all builds', isOwn: true, load: async () => (await import('./build-history.ts')).logsCommand },
        { name: 'ls', summary: 'List builds', isOwn: true, load: async () => (await import('./build-history.ts')).listCommand },
        { name: 'rm', summary: 'Forget builds', isOwn: true, load: async () => (await import('./build-history.ts')).removeCommand },
      ],
    },
    { name: 'explain', summary: 'Say why each step of a build was made or found again', isOwn: true, load: async () => (await import('./build-history.ts')).explainCommand },
  ],
  load: async () => (wantsClassicBuilder(process.env['DOCKER_BUILDKIT']) ? (await import('./build.ts')).command : (await import('./build-solve.ts')).command),
};

const history: CommandNode = {
  name: 'history', summary: 'Show the history of an image', paths: ['image history', 'history'],
  load: async () => (await import('./history.ts')).command,
};

const importArchive: CommandNode = {
  name: 'import', summary: 'Import the contents from a tarball to create a filesystem image', paths: ['image import', 'import'],
  load: async () => (await import('./import.ts')).command,
};

const load: CommandNode = {
  name: 'load', summary: 'Load an image from a tar archive or STDIN', paths: ['image load', 'load'],
  load: async () => (await import('./load.ts')).command,
};

const save: CommandNode = {
  name: 'save', summary: 'Save one or more images to a tar archive (streamed to STDOUT by default)', paths: ['image save', 'save'],
  load: async () => (await import('./save.ts')).command,
};

const tag: CommandNode = {
  name: 'tag', summary: 'Create a tag TARGET_IMAGE that refers to SOURCE_IMAGE', paths: ['image tag', 'tag'],
  load: async () => (await import('./tag.ts')).command,
};

const listPaths = ['image ls', 'image list', 'images'];
const removePaths = ['image rm', 'image remove', 'rmi'];

const inGroup: readonly CommandNode[] = [
  {
    name: 'bootstrap', summary: "Make a base image from this system's packages", isOwn: true,
    load: async () => (await import('./image-bootstrap.ts')).command,
  },
  buildNode,
  history,
  importArchive,
  {
    name: 'inspect', summary: 'Display detailed information on one or more images',
    load: async () => (await import('./image-inspect.ts')).command,
  },
  load,
  { name: 'ls', aliases: ['list'], summary: 'List images', paths: listPaths, load: async () => (await import('./images.ts')).listCommand },
  imagePullNode,
  { name: 'prune', summary: 'Remove unused images', load: async () => (await import('./image-prune.ts')).command },
  imagePushNode,
  {
    name: 'rm', aliases: ['remove', 'rmi'], summary: 'Remove one or more images', paths: removePaths,
    load: async () => (await import('./rmi.ts')).groupCommand,
  },
  save,
  tag,
];

export const imageNodes: readonly CommandNode[] = [
  { name: 'image', summary: 'Manage images', children: inGroup },
  { ...buildNode, common: 4 },
  history,
  { name: 'images', summary: 'List images', paths: listPaths, common: 7, load: async () => (await import('./images.ts')).command },
  importArchive,
  load,
  { name: 'rmi', summary: 'Remove one or more images', paths: removePaths, load: async () => (await import('./rmi.ts')).command },
  save,
  tag,
];
