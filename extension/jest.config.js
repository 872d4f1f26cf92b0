// Logic is tested without a browser; what a browser does is tested in tests/ui, in a real one.
module.exports = {
  testEnvironment: 'node',
  modulePathIgnorePatterns: ['<rootDir>/governed_server', '<rootDir>/lib'],
  testMatch: ['<rootDir>/src/**/*.spec.ts'],
  transform: {
    '\\.ts$': [
      'ts-jest',
      {
        tsconfig: {
          module: 'commonjs',
          esModuleInterop: true,
          target: 'ES2020',
          strict: true
        }
      }
    ]
  }
};
