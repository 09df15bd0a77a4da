import { createPrivateKey, sign } from 'node:crypto'

/** A pair of keys of the examples, which everybody can read here: it protects nothing. */
const privateKey = {
  kty: 'RSA',
  n: '3S7obVmiQ-RHP5d0IKzz8DQPi7k61yOcI66nqUYDyu_ojeX5KQhk_i7KXaJKpZGpex-Rf0K0jHJh5LMgd9LuSDQaAk-d_bzfnxZhPiUx3-jLt2lYpRnDEojaxyEJGDwUvxeYgElM3k0v--nSsk8ZvXq2JlnyBy5hzsJ035UiSPhSiSodJH5TKUF_WBKTHHA1CBVmzw14iVDKgmSexenWKIVCjol_UZk7PwAnAnHepsVWROMZy-vtwocac18RLzqfW8p-gWs-HF7oAbB54VyRhfuWsyIWGv_nP0oTHmLX3Nh9s9BfR9ukegquKiA8SD2hXyaiJ0UV3otsMnIXhwKzmw',
  e: 'AQAB',
  d: 'UhAy3Ut52F2sj6wGQo9Y7ICsWeduLN9B8b096KCZDKTpcChowvAh5GsA2y-5KWf7bTqftYtOyKMxrfRF8h85GGH4Wm4mzLtUbsaTasbLE-vgFZtI7-y4gzpyjZo0sSCtg97hzosjsYEK8hjlexG9F5-dUGpj0YVEdb2RNlkzQMXs2R5QahYAZd4lUCvMQJz4dz2Pm7LgwOG5KePehYuMlsSLw3pChH8df_XXqZqgz4ewdwkFZTI-ZWUiPkKuBxt_a6oJRALBecbZUhwjPKwh-IT6Pq_RhvoNsZf_9QwQMR_KBeTTbYh2LL5kfCbIKbL3Kg8XWKI-ArFoYM7YgrhHSQ',
  p: '9JwPpljUtt8wu82oYPTBlJreab43XvOclC-dzC3xKf7dg0HyvvuxBxm_H9gF_ZGtL2HcYyEPtF24M8NvhxI_S9jOGPOBPBntH6DClFeO7idgtsHYEolIIjHhJbbRC4XjkNL7f2KeRZNf017Pr4ird0CyuL4yhrbnFx0OMLwLfvM',
  q: '53uV_0DhPfUbcV6YU4kqjy3ZpCrqPFoE_AxXm7XweDaCRC0X5BugXpAnhvlgsEbnT7PZZo-TJYPUVQ5gAomo05IMDDYExq60WhcZq2SHggUJTDVNEJxRp4DVnuEHU_Ug2QEUyc2rCUMRaHeiGTIQgVBT5s1lOGhsVkgQ0HuVsrk',
  dp: 'zr6Y-6BZKbe7GQDaMBivBUtgcT-0zSxaS2Vzmf-6tiQUVbyHz6QsHDRGtkN_zLI0DrhH7gEjpO8Roa6ttRxXI2Q7zhsCQCopoXHfBEJ9LA1cURvF5OTjcwN1qMq8JWEk1mN87k4MOAI4HA8mutZpFoI4jK01R2eQKpkERWyqysE',
  dq: 'lRYKoFBIAWB4oUaccsjYCUktcEdXfzE3HqJQVnAShUoOEhy802RboCvV2V-Jv16bIcEilqSHz9SdD37npRrGCiV47vBnmRLyA0f3d2SSxdG6kEOP88_J40jdzKr_zjoFQt4oZmS48IkqkA7k7rdI3BBBSVgmBfNzOwrFEZFW87k',
  qi: 'UXBqogvipkJd5JQ--t5_qVwGAL1FC4SfMgzOSKe1MOGS2pzzag0a3hovPJmo5MWKzKWVLk6ALI52po6MgqCVCdJzyXJmu3Dyre9y65X4ba6qgbisZx8s6WMLZ7dG9S2DUT2VdaLepzR8AnfrzSki_O3ImZA31Yq5OTB6BcqhcmA',
}

/** What the client of the examples is registered with. */
export const exampleKeySet = {
  keys: [{ kty: 'RSA', kid: 'main', alg: 'RS384', n: privateKey.n, e: privateKey.e }],
}

/** Its assertion: always the same bytes, because RS384 has no chance in it. */
export function signExample(claims: object): string {
  const [header, payload] = [{ alg: 'RS384', typ: 'JWT', kid: 'main' }, claims].map((part) =>
    Buffer.from(JSON.stringify(part)).toString('base64url'),
  )
  const key = createPrivateKey({ key: privateKey, format: 'jwk' })
  const signature = sign('sha384', Buffer.from(`${header}.${payload}`), key).toString('base64url')
  return `${header}.${payload}.${signature}`
}
