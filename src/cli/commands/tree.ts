/** Every command of the program. Each is loaded when it is used. */
import type { CommandNode } from '#cli/command.ts';
import { builderNode } from './builder-nodes.ts';
import { completionNode } from './completion-nodes.ts';
import { containerNodes } from './container-nodes.ts';
import { contextNodes } from './context-nodes.ts';
import { daemonNodes } from './daemon-nodes.ts';
import { imageNodes } from './image-nodes.ts';
import { manifestNodes } from './manifest-nodes.ts';
import { networkNodes } from './network-nodes.ts';
import { pullNode, pushNode } from './pull-nodes.ts';
import { registryNodes } from './registry-nodes.ts';
import { registryServerNodes } from './registry-server-nodes.ts';
import { systemNodes } from './system-nodes.ts';
import { volumeNodes } from './volume-nodes.ts';

export const commandTree: CommandNode = {
  name: 'docker',
  summary: 'A self-sufficient runtime for containers',
  children: [builderNode, completionNode, ...containerNodes, ...contextNodes, ...daemonNodes, pullNode, pushNode, ...imageNodes, ...manifestNodes, ...networkNodes, ...registryNodes, ...registryServerNodes, ...systemNodes, ...volumeNodes],
};
