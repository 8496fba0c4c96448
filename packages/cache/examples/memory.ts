import { MemoryCache } from '@forge/cache';

// Keeps what saves the most time per byte, refuses what would push out everything else.
const images = new MemoryCache<Buffer>({
  maxBytes: 64_000,
  maxEntrySize: 16_000,
  policy: 'gdsf',
  sizeOf: (image, key) => image.byteLength + key.length,
  idleTTL: 60_000,
  cleanupInterval: 5000,
  onRemoval: (key, _image, reason) => {
    if (reason === 'evicted') evicted.push(key);
  },
});
const evicted: string[] = [];

console.log(images.set('/huge.png', Buffer.alloc(20_000))); // false
images.set('/slow.png', Buffer.alloc(8000), { cost: 900, tags: ['photos'] });
for (let i = 0; i < 20; i++) images.set(`/fast-${i}.png`, Buffer.alloc(8000), { cost: 5 });
console.log(images.has('/slow.png'), images.size, evicted.length); // true 7 14

// A warm start: the coldest comes first, so that what is loaded is as it was.
const restarted = new MemoryCache<Buffer>({ maxBytes: 64_000 });
console.log(restarted.load(images.dump())); // 7
console.log(restarted.deleteTag('photos'), restarted.has('/slow.png')); // 1 false
