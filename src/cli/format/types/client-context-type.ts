/** What `context inspect` hands to its template. */
import { anyType, boolType, mapOf, stringType, structOf, type StructType } from '#base/template/go-type.ts';
import { encodeJson } from '#base/template/go-json.ts';
import { strings } from './shared-types.ts';

const contextFields = structOf('command.DockerContext', [['Description', stringType, ',omitempty'], ['AdditionalFields', mapOf(stringType, anyType), '-']]);

/** Its own encoder leaves out what is empty. */
const dockerContext: StructType = {
  ...contextFields,
  marshal: ({ data }) => {
    const [description] = Array.isArray(data) ? data : [];
    return description === undefined || description.data === '' ? '{}' : `{"Description":${encodeJson(description)}}`;
  },
};

const endpoint = structOf('docker.EndpointMeta', [['Host', stringType, ',omitempty'], ['SkipTLSVerify', boolType]]);

export const contextWithListingType = structOf('context.contextWithTLSListing', [
  ['&Metadata', structOf('store.Metadata', [
    ['Name', stringType, ',omitempty'],
    ['Metadata', dockerContext, ',omitempty'],
    ['Endpoints', mapOf(stringType, endpoint), ',omitempty'],
  ])],
  ['TLSMaterial', mapOf(stringType, strings)],
  ['Storage', structOf('store.StorageInfo', [['MetadataPath', stringType], ['TLSPath', stringType]])],
]);
